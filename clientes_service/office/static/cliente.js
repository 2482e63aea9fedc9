// A client: the form of a new one, and the card of a known one.

import { NoAnswer, Problem, call } from "./api.js";
import { Card, Named } from "./ficha.js";
import { Form } from "./form.js";
import { Historial } from "./historial.js";
import { html, may, useEffect, useRef, useState } from "./parts.js";
import { Advertencias } from "./repetido.js";

let justSaved = null; // a new client on its way from the form to its card

/** Without `id`, a new client. */
export function View({ id, ...context }) {
  if (id !== undefined) return html`<${Known} id=${id} ...${context} />`;
  return may.write(context.usuario.rol) ? html`<${New} ...${context} />` : html`<${NotAllowed} />`;
}

function toList() {
  location.hash = "#/";
}

function New({ tell, changed }) {
  const show = (saved) => {
    justSaved = saved;
    changed();
    tell(html`Se guardó <${Named} cliente=${saved} />.`);
    location.replace(`#/clientes/${saved.id}`); // so that Back leads to the list, not to an empty form
  };
  return html`
    <h1 tabindex="-1">Nuevo cliente</h1>
    <${Form} cliente=${null} onSaved=${show} onLeave=${toList} />
  `;
}

function NotAllowed() {
  return html`
    <h1 tabindex="-1">Nuevo cliente</h1>
    <p>Su cuenta puede ver los clientes, pero no crearlos. Pida ese permiso a un administrador.</p>
    <p><a href="#/">Ir a la lista</a></p>
  `;
}

function Known({ id, usuario, tell, changed, change }) {
  const [cliente, setCliente] = useState(null);
  const [advertencias, setAdvertencias] = useState([]);
  const [error, setError] = useState(null);
  const [isEditing, setEditing] = useState(false);
  const heading = useRef();

  const load = async () => {
    setError(null);
    try {
      setCliente((await call("GET", `/api/clientes/${id}`)).body);
    } catch (error) {
      if (!(error instanceof Problem) && !(error instanceof NoAnswer)) throw error;
      setError(error);
    }
  };
  const take = ({ advertencias, ...saved }) => {
    setCliente(saved);
    setAdvertencias(advertencias);
  };
  useEffect(() => {
    if (justSaved?.id === id) take(justSaved);
    else load();
    justSaved = null;
  }, []);
  const before = useRef(change);
  useEffect(() => {
    // From this card, or undone from the notice of one that was left.
    if (change !== before.current && change.written?.id === id) take(change.written);
    before.current = change;
  }, [change]);
  useEffect(() => isEditing || heading.current?.focus(), [isEditing, cliente === null, error]);

  const saved = (answer) => {
    setEditing(false);
    if (!answer) return tell("No había nada que guardar.");
    take(answer);
    changed();
    return tell(html`Se guardó <${Named} cliente=${answer} />.`);
  };
  if (error) return html`<${Failed} error=${error} heading=${heading} onRetry=${load} />`;
  if (!cliente) return html`<h1 tabindex="-1" ref=${heading}>Cliente</h1><p role="status">Cargando…</p>`;
  if (isEditing) {
    const stop = () => {
      setEditing(false);
      load(); // what somebody else may have done to it meanwhile
    };
    return html`
      <h1 tabindex="-1">Editar <bdi class="name">${cliente.nombre}</bdi></h1>
      <${Form} cliente=${cliente} onSaved=${saved} onLeave=${stop} />
    `;
  }
  return html`
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
    <div class="box-error" role="alert">${error.message}</div>
    <button class="primary" onClick=${onRetry}>Probar otra vez</button> <a href="#/">Ir a la lista</a>
  `;
}
