// Who else has a document: asked while it is typed, and told after it was saved.

import { call } from "./api.js";
import { bare, counterpart, isWhole } from "./documento.js";
import { html, useEffect, useState } from "./parts.js";

const PAUSE = 350; // milliseconds without a key
const SHOWN = 3;

/** A link to another client, in a tab of its own: nothing that is being typed is lost. */
export function ClienteLink({ cliente }) {
  return html`
    <a href=${`#/clientes/${cliente.id}`} target="_blank">
      ${cliente.codigoCliente} <bdi class="name">${cliente.nombre}</bdi>
      <span class="visually-hidden"> (se abre en otra pestaña)</span>
    </a>${!cliente.vigente && " (inactivo)"}
  `;
}

function Links({ clientes }) {
  return clientes.map((cliente, place) => html`${place > 0 && ", "}<${ClienteLink} cliente=${cliente} />`);
}

/** The clients that have this document, or the other one of the same person: `[{tipo, numero, clientes}]`. */
export function useHolders(tipo, numero, ownId) {
  const [holders, setHolders] = useState([]);
  const isWorthAsking = isWhole(tipo, numero);
  const key = bare(tipo, numero);
  useEffect(() => {
    setHolders([]);
    if (!isWorthAsking) return undefined;
    const given = new AbortController();
    const timer = setTimeout(() => {
      const documents = [{ tipo, numero: key }, counterpart(tipo, key)].filter(Boolean);
      Promise.all(documents.map((one) => find(one, ownId, given.signal)))
        .then((found) => setHolders(found.filter(({ clientes }) => clientes.length)))
        .catch(() => {}); // it is a help; the service looks again when the client is saved
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      given.abort();
    };
  }, [tipo, key, ownId]);
  return holders;
}

async function find({ tipo, numero }, ownId, signal) {
  // Of other documents, such as «S/N», those of inactive clients say nothing.
  const query = new URLSearchParams({
    tipoDocumento: tipo,
    numeroDocumento: numero,
    vigente: tipo === "OTRO" ? "true" : "todos",
    size: SHOWN + 1,
  });
  const { body } = await call("GET", `/api/clientes?${query}`, { signal });
  const clientes = body.content.filter(({ id }) => id !== ownId);
  return { tipo, numero, clientes: clientes.slice(0, SHOWN), isMore: clientes.length > SHOWN };
}

/** Say who has a document that is being typed. */
export function Holders({ tipo, holders }) {
  return holders.map((one) => html`
    <p class="warning" key=${one.tipo}>
      ${named(tipo, one)} ya lo tiene <${Links} clientes=${one.clientes} />
      ${one.isMore && " y otros más"}; vea si es el mismo.
    </p>
  `);
}

function named(tipo, one) {
  if (one.tipo === "OTRO") return "Este documento";
  if (one.tipo === "CE") return "Este carné";
  return one.tipo === tipo ? `Este ${tipo}` : `El ${one.tipo} de esta persona (${one.numero})`;
}

/** What the service found worth a second look in what it saved. */
export function Advertencias({ advertencias }) {
  const [clientes, setClientes] = useState([]);
  const ids = advertencias.flatMap((advertencia) => advertencia.clientes ?? []);
  useEffect(() => {
    setClientes([]);
    Promise.all(ids.slice(0, SHOWN).map((id) => call("GET", `/api/clientes/${id}`)))
      .then((answers) => setClientes(answers.map(({ body }) => body)))
      .catch(() => {});
  }, [ids.join()]);
  if (!advertencias.length) return null;
  return html`
    <div class="box-warning no-print" role="status">
      <p><strong>Se guardó. Revise esto:</strong></p>
      <ul>
        ${advertencias.map((one) => html`
          <li key=${one.codigo}>
            ${one.mensaje} ${one.clientes && html`<${Links} clientes=${clientes} />`}
            ${one.clientes?.length > SHOWN && ` y ${one.clientes.length - SHOWN} más`}
          </li>
        `)}
      </ul>
    </div>
  `;
}
