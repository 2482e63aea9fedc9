// The table of clients. At phone width each of them is a card.

import { Ago, html, useState } from "./parts.js";
import { links } from "./phone.js";

const COLUMNS = [
  ["Código", "codigoCliente", "asc"],
  ["Nombre", "nombre", "asc"],
  ["Documento"],
  ["Teléfono"],
  ["Dirección"],
  ["Actualizado", "fechaModificacion", "desc"],
];

/** Clients; `current` is the id of the one that Tab leads to, `onRestore` null for those who may not. */
export function Table({ rows, sort, onSort, current, onCurrent, onRestore, isBusy }) {
  return html`
    <table class="clientes" role="table" aria-label="Clientes" aria-busy=${isBusy ? "true" : null}>
      <thead role="rowgroup">
        <tr role="row">
          ${COLUMNS.map(([label, field, first]) => html`
            <${Heading} key=${label} label=${label} field=${field} first=${first} sort=${sort} onSort=${onSort} />
          `)}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${rows.map((cliente) => html`
          <${Row} key=${cliente.id} cliente=${cliente} isCurrent=${cliente.id === current} onCurrent=${onCurrent}
            onRestore=${onRestore} />
        `)}
      </tbody>
    </table>
  `;
}

function Heading({ label, field, first, sort, onSort }) {
  if (!field) return html`<th role="columnheader" scope="col">${label}</th>`;
  const [sorted, order] = sort.split(",");
  const isSorted = sorted === field;
  const next = !isSorted ? first : order === "asc" ? "desc" : "asc";
  const mark = !isSorted ? "↕" : order === "asc" ? "▲" : "▼";
  return html`
    <th role="columnheader" scope="col"
      aria-sort=${!isSorted ? "none" : order === "asc" ? "ascending" : "descending"}>
      <button class="sort" onClick=${() => onSort(`${field},${next}`)}>
        ${label} <span aria-hidden="true" class=${isSorted ? null : "quiet"}>${mark}</span>
      </button>
    </th>
  `;
}

function Row({ cliente, isCurrent, onCurrent, onRestore }) {
  const { id, nombre, vigente, direccion } = cliente;
  const tab = isCurrent ? 0 : -1;
  const open = (event) => {
    if (event.target.closest("a, button") || !getSelection().isCollapsed) return;
    onCurrent(id);
    location.hash = `#/clientes/${id}`;
  };
  return html`
    <tr role="row" class=${vigente ? null : "inactive"} onClick=${open} onFocusIn=${() => onCurrent(id)}>
      <td role="cell" class="code">${cliente.codigoCliente}</td>
      <td role="cell" class="who-is">
        <a class="open" href=${`#/clientes/${id}`} data-id=${id} tabindex=${tab}><bdi class="name">${nombre}</bdi></a>
        ${!vigente && html` <span class="tag">Inactivo</span>`}
        ${!vigente && onRestore && html` <${Restore} cliente=${cliente} tab=${tab} act=${onRestore} />`}
      </td>
      <td role="cell" class="document">
        ${cliente.tipoDocumento} <bdi class="name">${cliente.numeroDocumento}</bdi>
      </td>
      <td role="cell" class="phone"><${Phone} cliente=${cliente} tab=${tab} /></td>
      <td role="cell" class="place">${direccion && html`<bdi class="name">${direccion}</bdi>`}</td>
      <td role="cell" class="when"><${Ago} fecha=${cliente.fechaModificacion} /></td>
    </tr>
  `;
}

function Phone({ cliente: { nombre, telefono }, tab }) {
  if (!telefono) return null;
  const { tel, whatsapp } = links(telefono);
  return html`
    <a href=${tel} tabindex=${tab} aria-label=${`${telefono}: llamar a ${nombre}`}>${telefono}</a>
    ${whatsapp && html` <a href=${whatsapp} class="whatsapp" tabindex=${tab} target="_blank" rel="noopener noreferrer"
      aria-label=${`WhatsApp a ${nombre}, en otra pestaña`}>WhatsApp</a>`}
  `;
}

function Restore({ cliente, tab, act }) {
  const [isBusy, setBusy] = useState(false);
  const click = async () => {
    if (isBusy) return;
    setBusy(true);
    await act(cliente);
    setBusy(false);
  };
  const label = `Restaurar a ${cliente.nombre}`;
  return html`
    <button class="small" tabindex=${tab} onClick=${click} aria-label=${label}>
      ${isBusy ? "Restaurando…" : "Restaurar"}
    </button>
  `;
}
