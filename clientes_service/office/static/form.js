// The form of a client, new or known: help while typing, and saving that never doubles.

import { NoAnswer, Problem, call } from "./api.js";
import { CAMPO, asDatos, asTyped, changesOf } from "./campos.js";
import { CodigoTaken, useNextCodigo } from "./codigo.js";
import { Conflict } from "./conflict.js";
import { explain } from "./documento.js";
import { Field, html, useEffect, useKey, useLayoutEffect, useRef, useState } from "./parts.js";
import { Holders, useHolders } from "./repetido.js";
import { Unsaved, mayLeave, stopAsking } from "./unsaved.js";

const USUAL_DOCUMENTO = { EMPRESA: "RUC", PERSONA: "DNI" };
const NOBODY = asDatos(asTyped(null));
const HINTS = {
  nombre: { autocomplete: "off" },
  direccion: { help: "Donde se presta el servicio.", autocomplete: "off" },
  telefono: { inputmode: "tel", autocomplete: "off" },
  email: { inputmode: "email", autocomplete: "off", spellcheck: false },
};

/** 128 random bits; crypto.randomUUID is missing on plain http. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Save what was typed over `known` (null for a new client); the answer's body. Throws as `call` does. */
async function send(known, datos, key) {
  if (known) {
    const headers = { "If-Match": `"${known.version}"` };
    return (await call("PUT", `/api/clientes/${known.id}`, { body: changesOf(datos, known), headers })).body;
  }
  try {
    const body = changesOf(datos, null);
    return (await call("POST", "/api/clientes", { body, headers: { "Idempotency-Key": key } })).body;
  } catch (error) {
    if (error.code !== "IDEMPOTENCIA_DISTINTA") throw error;
    // An earlier attempt, whose answer was lost, had been saved: what was typed since then is a change to that client.
    const { body: stored } = await call("GET", `/api/clientes/${error.body.existenteId}`);
    const changes = changesOf(datos, stored);
    return Object.keys(changes).length ? send(stored, datos, key) : { ...stored, advertencias: [] };
  }
}

/** `cliente` as it was read, or null; `onSaved` gets the answer of the service, or null where nothing was changed. */
export function Form({ cliente, onSaved, onLeave }) {
  const [known, setKnown] = useState(cliente);
  const [typed, setTyped] = useState(() => asTyped(cliente));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const [conflict, setConflict] = useState(null);
  const isSaving = useRef(false); // at once, where `busy` waits for the next view
  const key = useRef(null);
  const form = useRef();
  const datos = asDatos(typed);
  const codigo = useNextCodigo(!cliente, (next) =>
    setTyped((before) => ({ ...before, codigoCliente: before.codigoCliente || next })),
  );
  const offered = known ?? { codigoCliente: codigo || null };
  const isChanged = Object.keys(changesOf(datos, offered)).length > 0;

  useLayoutEffect(() => form.current.querySelector("input").focus(), []);
  useEffect(() => focusProblem(form.current, problem), [problem?.error]); // not when a field is corrected

  const change = (name, value) => {
    setTyped((before) => ({ ...before, ...follow(before, name, value) }));
    if (problem?.fields?.[name]) setProblem((before) => forget(before, name));
  };
  const save = async (base, what) => {
    if (isSaving.current) return;
    if (base && !Object.keys(changesOf(what, base)).length) {
      stopAsking();
      onSaved(base === cliente ? null : { ...base, advertencias: [] });
      return;
    }
    isSaving.current = true;
    key.current ??= newKey();
    setBusy(true);
    setProblem(null);
    try {
      const saved = await send(base, what, key.current);
      stopAsking();
      onSaved(saved);
    } catch (error) {
      const { code, body } = error;
      if (code === "VERSION_OBSOLETA") setConflict({ mine: what, base: base ?? NOBODY, now: body.actual });
      else setProblem(asShown(error, what));
    } finally {
      isSaving.current = false;
      setBusy(false);
    }
  };
  const leave = async () => {
    if (isSaving.current) return;
    if (await mayLeave()) onLeave();
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
    save(known, datos);
  };
  const choose = (chosen) => {
    const { now } = conflict;
    setConflict(null);
    setKnown(now);
    setTyped(asTyped(chosen));
    save(now, chosen);
  };

  const field = (name, props = {}) => html`
    <${Field} id=${`cliente-${name}`} name=${name} label=${CAMPO[name].label} required=${CAMPO[name].required}
      value=${typed[name]} error=${problem?.fields?.[name]} disabled=${busy}
      onInput=${(event) => change(name, event.target.value)} ...${HINTS[name]} ...${props} />
  `;
  const taken = problem?.code === "CODIGO_DUPLICADO" && html`
    <${CodigoTaken} codigo=${problem.datos.codigoCliente} existenteId=${problem.body.existenteId}
      onTake=${(next) => change("codigoCliente", next)} />
  `;
  return html`
    <form class="card cliente-form" ref=${form} novalidate aria-label="Datos del cliente"
      onSubmit=${submit}
      onKeyDown=${escape}>
      ${problem?.text && html`<div class="box-error wide" role="alert">${problem.text}</div>`}
      <div class="wide">${field("nombre")}</div>
      <${Choice} name="tipoCliente" field=${field} />
      ${field("contactoRepresentante", contactHelp(typed.tipoCliente))}
      <${Choice} name="tipoDocumento" field=${field} />
      <${Documento} typed=${typed} ownId=${known?.id} field=${field} />
      ${field("codigoCliente", {
        autocomplete: "off",
        spellcheck: false,
        help: codigo && codigo === typed.codigoCliente && "Es el siguiente de la serie; puede cambiarlo.",
        error: taken || problem?.fields?.codigoCliente,
      })}
      ${field("direccion")} ${field("telefono")} ${field("email")}
      <div class="actions wide">
        <button class="primary" disabled=${busy}>${saveLabel(busy, problem)}</button>
        <button type="button" onClick=${leave} disabled=${busy}>Cancelar</button>
      </div>
    </form>
    <${Unsaved} isChanged=${isChanged} />
    ${conflict && html`
      <${Conflict} key=${conflict.now.version} ...${conflict} onChosen=${choose} onClose=${() => setConflict(null)} />
    `}
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

function contactHelp(tipoCliente) {
  return { autocomplete: "off", help: tipoCliente === "EMPRESA" && "Con quién tratar en la empresa." };
}

function saveLabel(busy, problem) {
  if (busy) return "Guardando…";
  return problem?.isUnanswered ? "Guardar otra vez" : "Guardar";
}

/** An error as the form shows it: `fields` at their places, `text` for what belongs to none. */
function asShown(error, datos) {
  if (!(error instanceof Problem) && !(error instanceof NoAnswer)) throw error;
  const fields = error.fields ?? {};
  const isPlaced = Object.keys(fields).some((name) => name in CAMPO);
  const { code, body } = error;
  const text = isPlaced ? "" : error.message;
  return { error, code, body, datos, fields, text, isUnanswered: error instanceof NoAnswer };
}

function forget(problem, name) {
  const fields = { ...problem.fields, [name]: undefined };
  return { ...problem, code: name === "codigoCliente" ? "" : problem.code, fields };
}

/** Go to the first field that is wrong, or where the rest can be repeated. */
function focusProblem(form, problem) {
  if (!problem) return;
  const first = [...form.elements].find(({ name }) => problem.fields[name]);
  (first ?? form.querySelector("button.primary")).focus();
}
