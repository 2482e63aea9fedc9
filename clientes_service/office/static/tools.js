// What stands over the list: search, filters, export, and the keys.

import { download } from "./api.js";
import { Dialog, html, may, save, useEffect, useRef, useState } from "./parts.js";
import { isTold } from "./problem.js";
import { CHOICES, asParams } from "./search.js";

const LABELS = {
  tipoCliente: "Tipo de cliente",
  tipoDocumento: "Documento",
  vigente: "Estado",
  sort: "Ordenar por",
};
const KEYS = [
  ["/", "Ir a la búsqueda"],
  ["↓ ↑", "Pasar de un cliente a otro, también desde la búsqueda"],
  ["Inicio, Fin", "Ir al primero o al último de la lista"],
  ["Enter", "Abrir el cliente"],
  ["Esc", "Borrar la búsqueda y volver a ella"],
  ["n", "Crear un cliente"],
  ["?", "Ver esta ayuda"],
];

/** The search field. */
export function Search({ text, onText, onKey, field }) {
  return html`
    <div class="search" role="search">
      <label for="buscar">Buscar</label>
      <input id="buscar" type="search" ref=${field} value=${text} maxlength="200" autocomplete="off" spellcheck=${false}
        enterkeyhint="search" placeholder="Nombre, documento, teléfono, dirección…" aria-keyshortcuts="/"
        onInput=${(event) => onText(event.target.value)} onKeyDown=${onKey} />
    </div>
  `;
}

/** The filters and the order. */
export function Filters({ query, onChange }) {
  return html`
    <div class="filters" role="group" aria-label="Filtros">
      ${Object.entries(LABELS).map(([name, label]) => html`
        <div key=${name}>
          <label for=${`filtro-${name}`}>${label}</label>
          <select id=${`filtro-${name}`} value=${query[name]} class=${name === "sort" ? "" : mark(query, name)}
            onChange=${(event) => onChange({ [name]: event.target.value })}>
            ${CHOICES[name].map(([value, words]) => html`
              <option key=${value} value=${value} selected=${value === query[name]}>${words}</option>
            `)}
          </select>
        </div>
      `)}
    </div>
  `;
}

function mark(query, name) {
  return query[name] === CHOICES[name][0][0] ? "" : "chosen";
}

/** What the filters show, as a file. */
export function Export({ query, onProblem, tell }) {
  const [isOpen, setOpen] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const menu = useRef();
  useEffect(() => {
    if (!isOpen) return undefined;
    const outside = (event) => menu.current.contains(event.target) || setOpen(false);
    document.addEventListener("click", outside);
    return () => document.removeEventListener("click", outside);
  }, [isOpen]);

  const close = (event) => {
    if (event.key !== "Escape" || !isOpen) return;
    event.stopPropagation();
    setOpen(false);
    menu.current.querySelector("button").focus();
  };
  const fetch = async (formato) => {
    setOpen(false);
    setBusy(true);
    menu.current.querySelector("button").focus();
    try {
      save(await download(`/api/clientes/exportar?formato=${formato}&${asParams(query)}`));
      tell("El archivo está en sus descargas.");
    } catch (error) {
      if (!isTold(error)) throw error;
      onProblem(error, () => fetch(formato));
    } finally {
      setBusy(false);
    }
  };
  return html`
    <div class="menu" ref=${menu} onKeyDown=${close}>
      <button aria-expanded=${isOpen ? "true" : "false"} aria-busy=${isBusy ? "true" : null}
        onClick=${() => isBusy || setOpen(!isOpen)}>
        ${isBusy ? "Exportando…" : html`Exportar <span aria-hidden="true">▾</span>`}
      </button>
      ${isOpen && html`
        <div class="menu-items" role="group" aria-label="Exportar lo que se ve como">
          <button onClick=${() => fetch("xlsx")}>Excel (.xlsx)</button>
          <button onClick=${() => fetch("csv")}>CSV (.csv)</button>
        </div>
      `}
    </div>
  `;
}

/** The list of keys. */
export function Help({ rol, onClose }) {
  const known = KEYS.filter(([key]) => key !== "n" || may.write(rol));
  return html`
    <${Dialog} title="Teclas" onClose=${onClose}>
      <dl class="keys">
        ${known.map(([key, does]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}
      </dl>
      <div class="actions"><button class="primary" onClick=${onClose}>Cerrar</button></div>
    <//>
  `;
}
