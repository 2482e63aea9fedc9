// The history of a client, as sentences.

import { call } from "./api.js";
import { CAMPO, CAMPOS, inWords } from "./campos.js";
import { Ago, html, useEffect, useRef } from "./parts.js";
import { ProblemBox, useLoaded } from "./problem.js";

const DID = {
  CREADO: "creó el cliente",
  ELIMINADO: "desactivó el cliente",
  RESTAURADO: "restauró el cliente",
  ANONIMIZADO: "borró los datos personales",
};
const BY = { importacion: " al importar un archivo", lote: " desde una aplicación" };

const EMPTY = { lines: [], cursor: null };

/** `version` is that of the client: with a new one there is a new line. */
export function Historial({ id, version }) {
  const list = useRef();
  const { value, error, isBusy, load } = useLoaded(async ({ lines, cursor }) => {
    const query = cursor ? `?${new URLSearchParams({ cursor })}` : "";
    const { body } = await call("GET", `/api/clientes/${id}/historial${query}`);
    return { lines: [...lines, ...body.content], cursor: body.nextCursor };
  });
  const { lines, cursor } = value ?? EMPTY;
  const reload = () => load(EMPTY);
  useEffect(() => void reload(), [id, version]);
  const more = async () => {
    if (isBusy) return;
    await load(value);
    setTimeout(() => list.current?.children[lines.length]?.focus({ preventScroll: true })); // the button may be gone
  };

  return html`
    <section class="card no-print" aria-labelledby="historial">
      <h2 id="historial">Historial</h2>
      <ol class="historial" ref=${list}>
        ${lines.map((line) => html`<li key=${line.version} tabindex="-1"><${Line} line=${line} /></li>`)}
      </ol>
      ${error && html`<${ProblemBox} error=${error} onRetry=${lines.length ? null : reload} />`}
      ${isBusy && !lines.length && html`<p role="status">Cargando…</p>`}
      ${cursor && html`
        <button aria-disabled=${isBusy ? "true" : null} onClick=${more}>${isBusy ? "Cargando…" : "Ver más"}</button>
      `}
    </section>
  `;
}

function Line({ line }) {
  const names = CAMPOS.map(({ name }) => name).filter((name) => name in line.cambios);
  const changes = names.map((name) => ({ name, ...line.cambios[name] }));
  const when = html`${BY[line.origen]}, <${Ago} fecha=${line.fecha} />`;
  if (line.accion === "CREADO" && changes.length) {
    return html`
      <${Who} line=${line} /> creó el cliente${when}.
      <details><summary>Datos al crearlo</summary><ul>${changes.map((one) => html`
        <li key=${one.name}>${CAMPO[one.name].label}: <${Value} name=${one.name} value=${one.despues} /></li>`)}</ul>
      </details>
    `;
  }
  if (line.accion in DID) return html`<${Who} line=${line} /> ${DID[line.accion]}${when}.`;
  if (!changes.length) return html`<${Who} line=${line} /> cambió datos que después se borraron${when}.`;
  if (changes.length === 1) return html`<${Who} line=${line} /> <${Sentence} ...${changes[0]} />${when}.`;
  return html`
    <${Who} line=${line} /> hizo ${changes.length} cambios${when}:
    <ul>${changes.map((one) => html`<li key=${one.name}><${Sentence} ...${one} /></li>`)}</ul>
  `;
}

/** «cambió el teléfono de … a …» */
function Sentence({ name, antes, despues }) {
  const { noun } = CAMPO[name];
  const old = html`<${Value} name=${name} value=${antes} />`;
  const given = html`<${Value} name=${name} value=${despues} />`;
  if (antes === null) return html`agregó ${noun} ${given}`;
  if (despues === null) return html`quitó ${noun} ${old}`;
  return html`cambió ${noun} de ${old} a ${given}`;
}

function Value({ name, value }) {
  return html`«<bdi class="name">${inWords(name, value)}</bdi>»`;
}

function Who({ line: { usuario } }) {
  if (usuario === null) return "El administrador del servidor (por línea de comandos)";
  return usuario.nombre ? html`<bdi class="name">${usuario.nombre}</bdi>` : html`El usuario <bdi>${usuario.id}</bdi>`;
}
