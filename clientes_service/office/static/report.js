// What an import did, or would do.

import { COLUMNS } from "./headings.js";
import { NUMBER, count, html } from "./parts.js";

const LISTED = 1000; // of each kind, in a report
const FIELDS = COLUMNS.map(({ field }) => field);
const LABELS = Object.fromEntries(COLUMNS.map(({ field, label }) => [field, label]));

/** How many rows are bad; a row may have several errors. */
export function badRows({ filas, creados, actualizados, sinCambios }) {
  return filas - creados - actualizados - sinCambios;
}

export function Report({ report, isDone, isCrear }) {
  const { filas, creados, actualizados, sinCambios, errores, advertencias, columnasIgnoradas } = report;
  const bad = badRows(report);
  const good = creados + actualizados;
  const lines = [
    [true, count(filas, "fila leída", "filas leídas"), "quiet"],
    [true, count(creados, "cliente nuevo", "clientes nuevos"), "good"],
    [actualizados, isDone ? count(actualizados, "cliente actualizado", "clientes actualizados")
      : count(actualizados, "cliente que cambia", "clientes que cambian"), "good"],
    [sinCambios, `${count(sinCambios, "cliente", "clientes")} sin cambios`],
    [advertencias.length, listed(advertencias, "advertencia", "advertencias"), "warning"],
    [bad, badWords(bad, isDone), "error"],
  ];
  const isTaken = isCrear && errores.some(({ campo }) => campo === "codigoCliente");
  return html`
    <ul class="counts" role="list">
      ${lines.filter(([shown]) => shown).map(([, text, kind]) => html`<li key=${text} class=${kind}>${text}</li>`)}
    </ul>
    ${columnasIgnoradas.length > 0 && html`
      <p class="box-warning">Estas columnas del archivo no se importan: ${columnasIgnoradas.map((name, at) => html`${at > 0 && ", "}<bdi class="name">${name}</bdi>`)}.</p>
    `}
    ${bad > 0 && html`
      <h3>Filas con errores</h3>
      ${!isDone && html`<p>Corríjalas en su archivo, guárdelo y elíjalo otra vez${good > 0 && "; o importe sin ellas"}.</p>`}
      ${isTaken && html`
        <p>Si el archivo trae cambios de clientes que ya existen, marque arriba «Agregar los nuevos y actualizar los que
          ya existen».</p>
      `}
      <${Rows} title="Filas con errores" rows=${inOrder(errores)} kind="bad" heading="Qué hacer"
        isCut=${errores.length >= LISTED} />
    `}
    ${advertencias.length > 0 && html`
      <details>
        <summary>Advertencias: las filas se importan igual, pero conviene revisarlas</summary>
        <${Rows} title="Advertencias" rows=${grouped(advertencias)} kind="doubtful" heading="Qué revisar"
          isCut=${advertencias.length >= LISTED} />
      </details>
    `}
  `;
}

function badWords(bad, isDone) {
  const left = bad === 1 ? ", que no se importó" : ", que no se importaron";
  return `${count(bad, "fila", "filas")} con errores${isDone ? left : ""}`;
}

/** By rows, and in each as its form has the fields. */
function inOrder(errores) {
  const place = ({ campo }) => FIELDS.indexOf(campo);
  return [...errores].sort((one, other) => one.fila - other.fila || place(one) - place(other));
}

/** The same warning about many rows, once: the rarest first, since the others tell less. */
function grouped(advertencias) {
  const groups = new Map();
  for (const { fila, campo, mensaje } of advertencias) {
    const key = `${campo}\n${mensaje}`;
    if (!groups.has(key)) groups.set(key, { campo, mensaje, filas: [] });
    groups.get(key).filas.push(fila);
  }
  return [...groups.values()]
    .sort((one, other) => one.filas.length - other.filas.length)
    .map(({ filas, ...rest }) => ({ ...rest, fila: asRanges(filas) }));
}

/** Numbers of rows: `2 a 5, 9`. */
function asRanges(filas) {
  const runs = [];
  for (const fila of filas) {
    const last = runs.at(-1);
    if (last?.to === fila - 1) last.to = fila;
    else runs.push({ from: fila, to: fila });
  }
  return runs.map(({ from, to }) => (from === to ? from : `${from} a ${to}`)).join(", ");
}

function listed(rows, one, many) {
  return rows.length < LISTED ? count(rows.length, one, many) : `${count(LISTED, one, many)} o más`;
}

/** `isCut`, where there may be more than the report has. */
function Rows({ title, rows, kind, heading, isCut }) {
  return html`
    <div class="scroll" role="region" aria-label=${title} tabindex="0">
      <table class=${kind}>
        <thead><tr><th scope="col">Fila</th><th scope="col">Dato</th><th scope="col">${heading}</th></tr></thead>
        <tbody>
          ${rows.map(({ fila, campo, mensaje }, at) => html`
            <tr key=${at}>
              <th scope="row">${fila}</th>
              <td>${LABELS[campo] ?? (campo || "Toda la fila")}</td>
              <td>${mensaje}</td>
            </tr>
          `)}
        </tbody>
      </table>
    </div>
    ${isCut && html`
      <p class="quiet">Puede haber más: aquí salen los primeros ${NUMBER.format(LISTED)} avisos.</p>
    `}
  `;
}
