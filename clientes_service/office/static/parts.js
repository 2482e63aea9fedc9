// What every view is made of.

import { h } from "./vendor/preact.js";
import { useEffect, useLayoutEffect, useRef } from "./vendor/hooks.js";
import htm from "./vendor/htm.js";

export { h, render } from "./vendor/preact.js";
export { useCallback, useEffect, useLayoutEffect, useRef, useState } from "./vendor/hooks.js";

/** A template of elements. What is put into it is text, never markup. */
export const html = htm.bind(h);

const WRITES = ["TECNICO", "OFICINA", "ADMIN"];
const MANAGES = ["OFICINA", "ADMIN"];
/** What a role may do; the service decides, the page only leaves out what would be refused. */
export const may = {
  write: (rol) => WRITES.includes(rol),
  manage: (rol) => MANAGES.includes(rol),
  administer: (rol) => rol === "ADMIN",
};

export const NUMBER = new Intl.NumberFormat("es-PE");

/** A number with its word. */
export function count(number, one, many) {
  return `${NUMBER.format(number)} ${number === 1 ? one : many}`;
}

const AGO = new Intl.RelativeTimeFormat("es", { numeric: "auto" });
const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];
const DATE = new Intl.DateTimeFormat("es-PE", { dateStyle: "long", timeStyle: "short" });

/** A moment, as "hace 2 días"; its date shows on hover. */
export function Ago({ fecha }) {
  const at = new Date(fecha);
  const seconds = (at - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  const text = unit === "second" ? "hace un momento" : AGO.format(Math.trunc(seconds / length), unit);
  return html`<time datetime=${fecha} title=${DATE.format(at)}>${text}</time>`;
}

/** A client in a sentence. */
export function Named({ cliente: { nombre, codigoCliente } }) {
  return html`<bdi class="name">${nombre}</bdi> (${codigoCliente})`;
}

/** A labelled input, select or textarea, with its help and what is wrong with it. `id` must be the page's only one. */
export function Field({ id, label, help, error, required, as = "input", children, ...rest }) {
  const described = [help && `${id}-help`, error && `${id}-error`].filter(Boolean).join(" ");
  return html`
    <div class="field">
      <label for=${id}>${label}${required && html` <span class="required">(obligatorio)</span>`}</label>
      <${as} id=${id} aria-invalid=${error ? "true" : null} aria-describedby=${described || null}
        required=${required} ...${rest}>${children}<//>
      ${help && html`<p class="help" id=${`${id}-help`}>${help}</p>`}
      ${error && html`<p class="error" id=${`${id}-error`} role="alert">${error}</p>`}
    </div>
  `;
}

let dialogs = 0;
const open = []; // one may open over another: the last one is on top

/** A modal dialog; `onClose` is called for Esc, too, and it is for the view to close it. */
export function Dialog({ title, onClose, children, wide }) {
  const dialog = useRef();
  const id = useRef();
  const latest = useRef();
  latest.current = onClose;
  id.current ??= `dialog-title-${(dialogs += 1)}`;
  useLayoutEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    // Before the browser, which asks once, and closes it at the second Esc.
    const pressed = (event) => {
      if (event.key !== "Escape" || event.isComposing || open.at(-1) !== element) return;
      event.preventDefault();
      latest.current?.();
    };
    open.push(element);
    element.showModal();
    document.addEventListener("keydown", pressed);
    return () => {
      document.removeEventListener("keydown", pressed);
      open.splice(open.indexOf(element), 1);
      element.close(); // only what is not behind a dialog can take the focus
      before?.focus?.();
    };
  }, []);
  // A telephone's Back asks to close it, and the second time does.
  const cancel = (event) => {
    if (event.target !== dialog.current) return; // a file that was not chosen
    event.preventDefault();
    onClose?.();
  };
  const closed = () => {
    if (!dialog.current) return; // by the view
    dialog.current.showModal();
    onClose?.();
  };
  return html`
    <dialog ref=${dialog} class=${wide ? "wide" : null} aria-labelledby=${id.current} onCancel=${cancel}
      onClose=${closed}>
      <h2 id=${id.current}>${title}</h2>
      ${children}
    </dialog>
  `;
}

/** Do something for a key, unless somebody types or a dialog is open. */
export function useKey(key, act) {
  const latest = useRef();
  latest.current = act;
  useLayoutEffect(() => { // at once: the key may follow the view
    const pressed = (event) => {
      const isTyping = event.target.closest("input, select, textarea, [contenteditable], dialog");
      if (event.key !== key || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      if (document.querySelector("dialog[open]")) return;
      event.preventDefault();
      latest.current(event);
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, [key]);
}

/** Name the tab after what is open, as long as it is. */
export function useTitle(title) {
  useEffect(() => {
    document.title = title ? `${title} · Clientes` : "Clientes";
    return () => {
      document.title = "Clientes";
    };
  }, [title]);
}

/** Put the focus on the heading of the view that is open: what had it is gone. */
export function focusHeading(options) {
  document.querySelector("h1:not([hidden] h1)")?.focus(options);
}

/** Give a file to the user. */
export function save({ name, blob }) {
  const address = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
