// The form of a client, new or known, with help while typing.

import { NoAnswer } from "./api.js";
import { CAMPO, asDatos, asTyped, changesOf } from "./campos.js";
import { CodigoTaken, useNextCodigo } from "./codigo.js";
import { Conflict } from "./conflict.js";
import { explain } from "./documento.js";
import { Field, Named, html, useEffect, useKey, useLayoutEffect, useRef, useState } from "./parts.js";
import { Holders, useHolders } from "./repetido.js";
import { useSave } from "./save.js";
import { Unsaved, mayLeave, stopAsking } from "./unsaved.js";

const USUAL_DOCUMENTO = { EMPRESA: "RUC", PERSONA: "DNI" };
const HINTS = {
  nombre: { autocomplete: "off" },
  direccion: { help: "Donde se presta el servicio.", autocomplete: "off" },
  telefono: { inputmode: "tel", autocomplete: "off" },
  email: { inputmode: "email", autocomplete: "off", spellcheck: false },
};

/**
 * `cliente` as it was read, or null; `onSaved` gets what was stored, or null where nothing was changed. `tell` and
 * `changed` are those of the page.
 */
export function Form({ cliente, onSaved, onLeave, tell, changed }) {
  const [typed, setTyped] = useState(() => asTyped(cliente));
  const form = useRef();
  const datos = asDatos(typed);
  const saving = useSave({
    cliente,
    datos,
    onRebased: (taken) => setTyped((before) => ({ ...before, ...taken })),
    onSaved: (saved) => {
      if (saved) {
        changed(saved);
        tell(html`Se guardó <${Named} cliente=${saved} />.`);
      }
      if (!form.current) return; // it was left: what is typed now is in another form
      stopAsking();
      onSaved(saved);
    },
    onFailed: (error) => {
      if (error instanceof NoAnswer) changed(); // it may have been saved
      if (!form.current) tell(notSaved(error, typed.nombre));
    },
  });
  const { known, busy, isSaving, problem, conflict } = saving;
  const codigo = useNextCodigo(!cliente, (next) =>
    setTyped((before) => ({ ...before, codigoCliente: before.codigoCliente || next })),
  );
  const offered = known ?? { codigoCliente: codigo || null };
  const isChanged = Object.keys(changesOf(datos, offered)).length > 0;

  useLayoutEffect(() => form.current.querySelector("input").focus(), []);
  useEffect(() => focusProblem(form.current, problem), [problem?.error]); // not when a field is corrected

  const change = (name, value) => {
    // What is being saved stays; a field that is disabled for that time would lose the focus.
    setTyped((before) => ({ ...before, ...(isSaving.current ? {} : follow(before, name, value)) }));
    if (problem?.fields[name]) saving.forget(name);
  };
  const leave = async () => {
    if (isSaving.current || !(await mayLeave())) return;
    stopAsking();
    onLeave();
  };
  useKey("Escape", leave);
  const escape = (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.preventDefault(); // or it would close the dialog that it opens
    event.stopPropagation();
    leave();
  };
  const submit = (event) => {
    event.preventDefault();
    saving.save();
  };
  const choose = (chosen) => {
    setTyped(asTyped(chosen));
    saving.saveOver(chosen);
  };

  const field = (name, props) => html`
    <${Campo} name=${name} value=${typed[name]} error=${problem?.fields[name]} busy=${busy}
      onInput=${(event) => change(name, event.target.value)} ...${props} />
  `;
  return html`
    <form class="card cliente-form" ref=${form} novalidate aria-label="Datos del cliente" aria-busy=${busy ? "true" : null}
      onSubmit=${submit} onKeyDown=${escape}>
      ${problem?.text && html`<div class="box-error wide" role="alert">${problem.text}</div>`}
      <div class="wide">${field("nombre")}</div>
      <${Choice} name="tipoCliente" field=${field} />
      ${field("contactoRepresentante", contactHelp(typed.tipoCliente))}
      <${Choice} name="tipoDocumento" field=${field} />
      <${Documento} typed=${typed} ownId=${known?.id} field=${field} />
      ${field("codigoCliente", codigoHelp(codigo, typed, problem, change))}
      ${field("direccion")} ${field("telefono")} ${field("email")}
      <div class="actions wide">
        <button class="primary" aria-disabled=${busy ? "true" : null}>${saveLabel(busy, problem)}</button>
        <button type="button" onClick=${leave} aria-disabled=${busy ? "true" : null}>Cancelar</button>
      </div>
    </form>
    <${Unsaved} isChanged=${isChanged} />
    ${conflict && html`
      <${Conflict} key=${conflict.now.version} ...${conflict} onChosen=${choose} onClose=${saving.giveUp} />
    `}
  `;
}

function Campo({ name, busy, ...rest }) {
  const { label, required } = CAMPO[name];
  return html`
    <${Field} id=${`cliente-${name}`} name=${name} label=${label} required=${required} readonly=${busy}
      ...${HINTS[name]} ...${rest} />
  `;
}

function Choice({ name, field }) {
  const options = Object.entries(CAMPO[name].words);
  return field(name, {
    as: "select",
    children: html`
      <option value="">Elija…</option>
      ${options.map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}
    `,
  });
}

/** The number, with what can be told about it while it is typed. */
function Documento({ typed, ownId, field }) {
  const { tipoDocumento: tipo, numeroDocumento: numero } = typed;
  const { count, fact, warning } = explain(tipo, numero);
  const holders = useHolders(tipo, numero, ownId);
  const isNumber = tipo === "RUC" || tipo === "DNI";
  return html`
    <div>
      ${field("numeroDocumento", {
        help: count || "Elija antes el tipo de documento.",
        inputmode: isNumber ? "numeric" : "text",
        autocomplete: "off",
        spellcheck: false,
      })}
      <div class="hints" role="status">
        ${fact && html`<p>${fact}</p>`}
        ${warning && html`<p class="warning">${warning}</p>`}
        <${Holders} tipo=${tipo} holders=${holders} />
      </div>
    </div>
  `;
}

/** What a new value brings with it: a company usually has a RUC, a person a DNI. */
function follow(before, name, value) {
  const usual = name === "tipoCliente" && !before.tipoDocumento && USUAL_DOCUMENTO[value];
  return { [name]: value, ...(usual && { tipoDocumento: usual }) };
}

/** What there is to say about the code: that it is the next one, or who has it. */
function codigoHelp(codigo, typed, problem, change) {
  const taken = problem?.code === "CODIGO_DUPLICADO" && html`
    <${CodigoTaken} codigo=${problem.datos.codigoCliente} existenteId=${problem.body.existenteId}
      onTake=${(next) => change("codigoCliente", next)} />
  `;
  return {
    autocomplete: "off",
    spellcheck: false,
    help: codigo && codigo === typed.codigoCliente && "Es el siguiente de la serie; puede cambiarlo.",
    ...(taken && { error: taken }),
  };
}

function contactHelp(tipoCliente) {
  return { autocomplete: "off", help: tipoCliente === "EMPRESA" && "Con quién tratar en la empresa." };
}

/** What is told of a form that was left. */
function notSaved(error, nombre) {
  const who = html`<bdi class="name">${nombre}</bdi>`;
  if (error instanceof NoAnswer) return html`No se sabe si se guardó ${who}: no llegó la respuesta. Búsquelo en la lista.`;
  return html`No se guardó ${who}. ${error.message}`;
}

function saveLabel(busy, problem) {
  if (busy) return "Guardando…";
  return problem?.isUnanswered ? "Guardar otra vez" : "Guardar";
}

/** Go to the first field that is wrong, or where the rest can be repeated. */
function focusProblem(form, problem) {
  if (!problem) return;
  const first = [...form.elements].find(({ name }) => problem.fields[name]);
  (first ?? form.querySelector("button.primary")).focus();
}
