// The dialogs about one account: a new one, other data, a new password.

import { call } from "./api.js";
import { compact } from "./documento.js";
import { Dialog, Field, count, html, useRef, useState } from "./parts.js";
import { isTold } from "./problem.js";
import { ROLES } from "./roles.js";
import { Unsaved, mayLeave, startAnew } from "./unsaved.js";

const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"; // 32, none of which is taken for another one
const SHORTEST = 10;
const LONGEST = 128;

/** A password that can be dictated, of 75 random bits: `k7mfp-x3tqa-9bhcd`. */
function makePassword() {
  const random = crypto.getRandomValues(new Uint8Array(15));
  return [...random].map((byte, at) => (at && at % 5 === 0 ? "-" : "") + LETTERS[byte % 32]).join("");
}

const length = (text) => [...text.normalize("NFC")].length;

function dniHelp(text) {
  const digits = compact(text);
  if (!digits) return "8 dígitos.";
  if (!/^[0-9]*$/.test(digits)) return "Solo lleva números.";
  const missing = 8 - digits.length;
  if (missing === 0) return "8 dígitos: está completo.";
  const verb = missing > 0 ? "Falta" : "Sobra";
  const number = Math.abs(missing);
  return `${verb}${number === 1 ? "" : "n"} ${count(number, "dígito", "dígitos")}.`;
}

function passwordHelp(text) {
  const given = length(text);
  return given < SHORTEST ? `Al menos ${SHORTEST} caracteres; van ${given}.` : `${given} caracteres: es suficiente.`;
}

/** What is wrong with what was typed, field by field; the service has the last word. */
const RULES = {
  dni: ({ dni }) => !/^[0-9]{8}$/.test(compact(dni)) && "El DNI tiene 8 dígitos.",
  nombre: ({ nombre }) => !nombre.trim() && "Escriba el nombre.",
  email: ({ email }) => !/^\S+@\S+\.\S+$/.test(email.trim()) && "Escriba un correo, como nombre@ejemplo.pe.",
  rol: ({ rol }) => !rol && "Elija qué podrá hacer.",
  password: ({ password, dni }) => {
    if (length(password) < SHORTEST) return `Necesita al menos ${SHORTEST} caracteres.`;
    if (length(password) > LONGEST) return `Puede tener ${LONGEST} caracteres como máximo.`;
    return compact(password) === compact(dni) && "La contraseña no puede ser el DNI.";
  },
};

/** A form's state: `{typed, set, fields, message, busy, submit}`; `send` gets what was typed, and may throw. */
function useForm(initial, names, send) {
  const [typed, setTyped] = useState(initial);
  const [problem, setProblem] = useState({ fields: {} });
  const [busy, setBusy] = useState(false);
  const form = useRef();

  const complain = (fields, message) => {
    setProblem({ fields, message });
    requestAnimationFrame(() => form.current?.querySelector('[aria-invalid="true"]')?.focus());
  };
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    const wrong = names.map((name) => [name, RULES[name](typed)]).filter(([, message]) => message);
    if (wrong.length) return complain(Object.fromEntries(wrong));
    setBusy(true);
    setProblem({ fields: {} });
    try {
      await send(typed);
    } catch (error) {
      if (!isTold(error)) throw error;
      const fields = { ...error.fields, ...PLACES[error.code]?.(error) };
      complain(fields, Object.keys(fields).length ? null : error.message);
    } finally {
      setBusy(false);
    }
  };
  const set = (name, value) => {
    setTyped((before) => ({ ...before, [name]: value }));
    setProblem(({ fields: { [name]: _, ...fields } }) => ({ fields }));
  };
  const isChanged = Object.keys(initial).some((name) => typed[name] !== initial[name]);
  return { form, typed, set, busy, submit, isChanged, ...problem };
}

/** At which field stands what the service says of the whole. */
const PLACES = {
  DNI_DUPLICADO: ({ message }) => ({ dni: message }),
  ULTIMO_ADMIN: ({ message }) => ({ rol: message }),
};

function Typed({ state, name, ...rest }) {
  return html`
    <${Field} id=${`user-${name}`} name=${name} value=${state.typed[name]} required error=${state.fields[name]}
      onInput=${(event) => state.set(name, event.target.value)} ...${rest} />
  `;
}

function Roles({ state }) {
  const error = state.fields.rol;
  return html`
    <fieldset class="roles" aria-describedby=${error ? "user-rol-error" : null}>
      <legend>Qué podrá hacer <span class="required">(obligatorio)</span></legend>
      ${Object.entries(ROLES).map(([rol, { nombre, ayuda }]) => html`
        <label>
          <input type="radio" name="rol" value=${rol} checked=${state.typed.rol === rol} required
            aria-invalid=${error ? "true" : null} onChange=${() => state.set("rol", rol)} />
          <span><strong>${nombre}.</strong> ${ayuda}</span>
        </label>
      `)}
      ${error && html`<p class="error" id="user-rol-error" role="alert">${error}</p>`}
    </fieldset>
  `;
}

/** A new password: typed, or made. What was made can be read until it is saved, and once more after that. */
function Password({ state }) {
  const propose = () => {
    state.set("password", makePassword());
    state.set("isMade", true);
  };
  return html`
    <${Typed} state=${state} name="password" label="Contraseña" type=${state.typed.isMade ? "text" : "password"}
      autocomplete="new-password" spellcheck=${false} help=${passwordHelp(state.typed.password)} />
    <p><button type="button" onClick=${propose}>Proponer una buena contraseña</button></p>
  `;
}

function Form({ title, state, verb, onClose, children }) {
  const leave = async () => !state.busy && (await mayLeave()) && onClose();
  return html`
    <${Dialog} title=${title} onClose=${leave}>
      <form ref=${state.form} onSubmit=${state.submit} novalidate>
        ${children}
        ${state.message && html`<div class="box-error" role="alert">${state.message}</div>`}
        <div class="actions">
          <button class="primary" aria-disabled=${state.busy ? "true" : null}>${state.busy ? "Guardando…" : verb}</button>
          <button type="button" onClick=${leave}>Cancelar</button>
        </div>
      </form>
      <${Unsaved} isChanged=${state.isChanged} />
    <//>
  `;
}

export function NewUsuario({ onClose, onDone }) {
  const [made, setMade] = useState(null);
  const names = ["dni", "nombre", "email", "rol", "password"];
  const empty = { dni: "", nombre: "", email: "", rol: "", password: "" };
  const state = useForm(empty, names, async ({ isMade, ...body }) => {
    const { body: usuario } = await call("POST", "/api/usuarios", { body });
    if (isMade) setMade({ usuario, password: body.password });
    else onDone(html`<bdi class="name">${usuario.nombre}</bdi> ya puede entrar.`);
  });
  if (made) return html`<${ShownOnce} ...${made} onDone=${() => onDone()} />`;
  return html`
    <${Form} title="Nuevo usuario" state=${state} verb="Crear usuario" onClose=${onClose}>
      <${Typed} state=${state} name="dni" label="DNI" inputmode="numeric" autocomplete="off"
        help=${dniHelp(state.typed.dni)} />
      <${Typed} state=${state} name="nombre" label="Nombre completo" maxlength="150" autocomplete="off" />
      <${Typed} state=${state} name="email" label="Correo" type="email" maxlength="254" autocomplete="off" />
      <${Roles} state=${state} />
      <${Password} state=${state} />
    <//>
  `;
}

export function EditUsuario({ usuario, isOwn, onClose, onDone }) {
  const { nombre, email, rol } = usuario;
  const state = useForm({ nombre, email, rol }, ["nombre", "email", "rol"], async (typed) => {
    // Only that: another ADMIN may have changed the rest.
    const changes = Object.fromEntries(Object.entries(typed).filter(([name, value]) => value !== usuario[name]));
    if (!Object.keys(changes).length) return onClose();
    const { body } = await call("PUT", `/api/usuarios/${usuario.id}`, { body: changes });
    // The whole page learns that who is signed in has another name, or may do less.
    if (isOwn) return startAnew(body.rol === "ADMIN" ? location.href : "/");
    return onDone(html`Datos de <bdi class="name">${body.nombre}</bdi> guardados.`);
  });
  return html`
    <${Form} title="Editar usuario" state=${state} verb="Guardar" onClose=${onClose}>
      <${Typed} state=${state} name="nombre" label="Nombre completo" maxlength="150" autocomplete="off" />
      <${Typed} state=${state} name="email" label="Correo" type="email" maxlength="254" autocomplete="off" />
      <${Roles} state=${state} />
      ${isOwn && state.typed.rol !== "ADMIN" && html`
        <div class="box-warning" role="status">
          Es su propia cuenta: al guardar dejará de ser administrador y ya no podrá abrir Usuarios ni Servicio.
        </div>
      `}
    <//>
  `;
}

export function NewPassword({ usuario, isOwn, onClose, onDone }) {
  const [made, setMade] = useState(null);
  const state = useForm({ password: "", dni: usuario.dni }, ["password"], async ({ password, isMade }) => {
    await call("PUT", `/api/usuarios/${usuario.id}`, { body: { password } });
    if (isMade) setMade({ usuario, password });
    else onDone(html`<bdi class="name">${usuario.nombre}</bdi> tiene una contraseña nueva.`);
  });
  if (made) return html`<${ShownOnce} ...${made} onDone=${() => onDone()} />`;
  return html`
    <${Form} title="Nueva contraseña" state=${state} verb="Guardar" onClose=${onClose}>
      <p>Para <bdi class="name">${usuario.nombre}</bdi>. La anterior deja de servir.</p>
      <div class="box-warning">
        ${isOwn
          ? "Es su propia cuenta: al guardar terminan todas sus sesiones, y entrará otra vez con la contraseña nueva."
          : "Al guardar, esta persona sale de todos sus equipos."}
      </div>
      <${Password} state=${state} />
    <//>
  `;
}

const NOT_NOTED = {
  title: "¿Ya anotó la contraseña?",
  text: "Si sale ahora, nadie la verá otra vez.",
  stay: "Volver a verla",
  leave: "Salir de todos modos",
};

/** A password that was made, for the last time: it closes for its button alone. */
function ShownOnce({ usuario, password, onDone }) {
  const [isCopied, setCopied] = useState(false);
  const copy = () => navigator.clipboard.writeText(password).then(() => setCopied(true), () => {});
  return html`
    <${Dialog} title="Entregue estos datos" onClose=${() => {}}>
      <${Unsaved} isChanged words=${NOT_NOTED} />
      <p>Son para <bdi class="name">${usuario.nombre}</bdi>. La contraseña no se mostrará otra vez: anótela o cópiela.</p>
      <dl class="facts">
        <dt>DNI</dt><dd>${usuario.dni}</dd>
        <dt>Contraseña</dt><dd><code>${password}</code></dd>
      </dl>
      <div class="actions">
        <button class="primary" onClick=${onDone}>Ya la anoté</button>
        ${navigator.clipboard && html`<button onClick=${copy}>${isCopied ? "Copiada" : "Copiar contraseña"}</button>`}
      </div>
    <//>
  `;
}
