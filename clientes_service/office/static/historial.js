// The history of a client, as sentences.

import { NoAnswer, Problem, call } from "./api.js";
import { CAMPO, CAMPOS, inWords } from "./campos.js";
import { Ago, html, useEffect, useState } from "./parts.js";

const DID = {
  CREADO: "creó el cliente",
  ELIMINADO: "desactivó el cliente",
  RESTAURADO: "restauró el cliente",
  ANONIMIZADO: "borró los datos personales",
};
const BY = { importacion: " al importar un archivo", lote: " desde una aplicación" };

/** `version` is that of the client: with a new one there is a new line. */
export function Historial({ id, version }) {
  const [lines, setLines] = useState([]);
  const [cursor, setCursor] = useState(undefined); // of the next page; null at the end, undefined until the first
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");

  const load = async (before, from) => {
    setBusy(true);
    setError("");
    try {
      const query = from ? `?${new URLSearchParams({ cursor: from })}` : "";
      const { body } = await call("GET", `/api/clientes/${id}/historial${query}`);
      setLines([...before, ...body.content]);
      setCursor(body.nextCursor);
    } catch (error) {
      if (!(error instanceof Problem) && !(error instanceof NoAnswer)) throw error;
      setError(error.message);
    } finally {
      setBusy(false);
    }
  };
  useEffect(() => {
    load([], null);
  }, [id, version]);

  return html`
    <section class="card no-print" aria-labelledby="historial">
      <h2 id="historial">Historial</h2>
      <ol class="historial">${lines.map((line) => html`<${Line} key=${line.version} line=${line} />`)}</ol>
      ${error && html`<p class="error" role="alert">${error}</p>`}
      ${busy && !lines.length && html`<p role="status">Cargando…</p>`}
      ${(cursor || error) && html`
        <button disabled=${busy} onClick=${() => load(lines, cursor)}>
          ${busy ? "Cargando…" : error ? "Probar otra vez" : "Ver más"}
        </button>
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
      <li>
        <${Who} line=${line} /> creó el cliente${when}.
        <details><summary>Datos al crearlo</summary><ul>${changes.map((one) => html`
          <li key=${one.name}>${CAMPO[one.name].label}: <${Value} name=${one.name} value=${one.despues} /></li>`)}</ul>
        </details>
      </li>
    `;
  }
  if (line.accion in DID) return html`<li><${Who} line=${line} /> ${DID[line.accion]}${when}.</li>`;
  if (!changes.length) return html`<li><${Who} line=${line} /> cambió datos que después se borraron${when}.</li>`;
  if (changes.length === 1) return html`<li><${Who} line=${line} /> <${Sentence} ...${changes[0]} />${when}.</li>`;
  return html`
    <li>
      <${Who} line=${line} /> hizo ${changes.length} cambios${when}:
      <ul>${changes.map((one) => html`<li key=${one.name}><${Sentence} ...${one} /></li>`)}</ul>
    </li>
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
