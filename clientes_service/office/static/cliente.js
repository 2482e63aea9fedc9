// A client: the form of a new one, and the card of a known one.

import { call } from "./api.js";
import { Card } from "./ficha.js";
import { Form } from "./form.js";
import { Historial } from "./historial.js";
import { html, may, useEffect, useLayoutEffect, useRef, useState, useTitle } from "./parts.js";
import { ProblemBox, useLoaded } from "./problem.js";
import { Advertencias } from "./repetido.js";

let justSaved = null; // a new client on its way from the form to its card

/** Without `id`, a new client. */
export function View({ id, ...context }) {
  return id === undefined ? html`<${New} ...${context} />` : html`<${Known} id=${Number(id)} ...${context} />`;
}

function toList() {
  location.hash = "#/";
}

function New({ tell, changed }) {
  useTitle("Nuevo cliente");
  const show = (saved) => {
    justSaved = saved;
    location.replace(`#/clientes/${saved.id}`); // so that Back leads to the list, not to an empty form
  };
  return html`
    <h1 tabindex="-1">Nuevo cliente</h1>
    <${Form} cliente=${null} onSaved=${show} onLeave=${toList} tell=${tell} changed=${changed} />
  `;
}

function Known({ id, usuario, tell, changed, change }) {
  const { value: cliente, error, load, ...reading } = useLoaded(async () => (await call("GET", `/api/clientes/${id}`)).body);
  const [advertencias, setAdvertencias] = useState([]);
  const [isEditing, setEditing] = useState(false);
  const heading = useRef();

  useTitle(cliente?.nombre);
  const take = ({ advertencias, ...saved }) => {
    reading.take(saved);
    setAdvertencias(advertencias);
  };
  useEffect(() => {
    if (justSaved?.id === id) take(justSaved);
    else load();
    justSaved = null;
  }, []);
  const before = useRef(change);
  useLayoutEffect(() => {
    // From this card, or undone from the notice of one that was left; an answer may come after that of a later change.
    const { written } = change === before.current ? {} : change;
    const isLate = cliente?.fechaModificacion > written?.fechaModificacion;
    if (written?.id === id && !isLate) take(written);
    before.current = change;
  }, [change]);
  useEffect(() => isEditing || heading.current?.focus(), [isEditing, cliente === null, error]);

  const saved = (answer) => {
    setEditing(false);
    if (!answer) tell("No había nada que guardar.");
  };
  if (error && !cliente) return html`<${Failed} error=${error} heading=${heading} onRetry=${load} />`;
  if (!cliente) return html`<h1 tabindex="-1" ref=${heading}>Cliente</h1><p role="status">Cargando…</p>`;
  if (isEditing) {
    const stop = () => {
      setEditing(false);
      load(); // what somebody else may have done to it meanwhile
    };
    return html`
      <h1 tabindex="-1">Editar <bdi class="name">${cliente.nombre}</bdi></h1>
      <${Form} cliente=${cliente} onSaved=${saved} onLeave=${stop} tell=${tell} changed=${changed} />
    `;
  }
  return html`
    ${error && html`<${ProblemBox} error=${error} onRetry=${load} />`}
    <div class="cliente">
      <${Advertencias} advertencias=${advertencias} />
      <${Card} cliente=${cliente} rol=${usuario.rol} heading=${heading} tell=${tell}
        onEdit=${() => setEditing(true)} onLeave=${toList} onReload=${load} onWritten=${changed} />
      ${may.manage(usuario.rol) && html`<${Historial} id=${id} version=${cliente.version} />`}
    </div>
  `;
}

function Failed({ error, heading, onRetry }) {
  if (error.status === 404) {
    return html`
      <h1 tabindex="-1" ref=${heading}>Este cliente no existe</h1>
      <p>Quizá la dirección está incompleta. Búsquelo en la lista por su nombre, documento o código.</p>
      <p><a class="button" href="#/">Ir a la lista</a></p>
    `;
  }
  return html`
    <h1 tabindex="-1" ref=${heading}>Cliente</h1>
    <${ProblemBox} error=${error} onRetry=${onRetry} />
    <p><a href="#/">Ir a la lista</a></p>
  `;
}
