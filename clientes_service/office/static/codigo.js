// The code of a new client: the next of its series.

import { call } from "./api.js";
import { html, useEffect, useState } from "./parts.js";
import { ClienteLink } from "./repetido.js";

/** The next code of a series, or null where the service does not say. */
async function askNext(prefijo) {
  const query = prefijo ? `?${new URLSearchParams({ prefijo })}` : "";
  return call("GET", `/api/clientes/siguiente-codigo${query}`).then(({ body }) => body.codigoCliente, () => null);
}

/** The code that is offered for a new client, "" until it is known; `onKnown` gets it. */
export function useNextCodigo(isWanted, onKnown) {
  const [codigo, setCodigo] = useState("");
  useEffect(() => {
    if (!isWanted) return;
    askNext("").then((next) => {
      if (next === null) return;
      setCodigo(next);
      onKnown(next);
    });
  }, []);
  return codigo;
}

/** Say who has a code already, and offer the next one of its series. */
export function CodigoTaken({ codigo, existenteId, onTake }) {
  const [existente, setExistente] = useState(null);
  const [next, setNext] = useState(null);
  useEffect(() => {
    askNext(codigo.replace(/[0-9]+$/, "").trim()).then(setNext);
    if (existenteId === null) return;
    call("GET", `/api/clientes/${existenteId}`).then(({ body }) => setExistente(body), () => {});
  }, [codigo, existenteId]);
  const take = () => {
    onTake(next);
    document.getElementById("cliente-codigoCliente").focus(); // the button goes
  };
  return html`
    ${existente ? html`Ya lo tiene <${ClienteLink} cliente=${existente} />` : "Ya está en uso; elija otro código."}
    ${next && html` <button type="button" onClick=${take}>Usar ${next}</button>`}
  `;
}
