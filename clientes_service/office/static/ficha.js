// The card of a client: what is known, how to reach them, and what can be done.

import { inWords } from "./campos.js";
import { Ago, Named, html, may, useKey, useRef, useState } from "./parts.js";
import { links } from "./phone.js";
import { isTold, mayBeDone } from "./problem.js";
import { deactivate, restore } from "./vigencia.js";

const MAP = "https://www.openstreetmap.org/search?query=";
const TODAY = new Intl.DateTimeFormat("es-PE", { dateStyle: "long" });

export function Card({ cliente, rol, heading, tell, onEdit, onLeave, onReload, onWritten }) {
  const mayChange = may.write(rol) && !isAnonymous(cliente);
  useKey("Escape", onLeave);
  return html`
    <article class="card ficha">
      <h1 tabindex="-1" ref=${heading}><bdi class="name">${cliente.nombre}</bdi></h1>
      <p class="under">
        <strong>${cliente.codigoCliente}</strong> · ${inWords("tipoCliente", cliente.tipoCliente)}
        ${!cliente.vigente && html` <span class="inactive">Inactivo</span>`}
      </p>
      <dl>
        <${Row} label=${inWords("tipoDocumento", cliente.tipoDocumento)}>
          <bdi class="name">${cliente.numeroDocumento}</bdi>
        <//>
        <${Row} label="Teléfono">${cliente.telefono && html`<${Telefono} telefono=${cliente.telefono} />`}<//>
        <${Row} label="Correo">${cliente.email && html`<${Correo} email=${cliente.email} />`}<//>
        <${Row} label="Dirección">${cliente.direccion && html`<${Direccion} direccion=${cliente.direccion} />`}<//>
        <${Row} label="Contacto o representante">
          ${cliente.contactoRepresentante && html`<bdi class="name">${cliente.contactoRepresentante}</bdi>`}
        <//>
      </dl>
      <p class="quiet">
        Creado <${Ago} fecha=${cliente.fechaCreacion} />${" · "}
        último cambio <${Ago} fecha=${cliente.fechaModificacion} />
      </p>
      <p class="print-only">Impreso el ${TODAY.format(new Date())}</p>
      <${Actions} cliente=${cliente} mayChange=${mayChange} heading=${heading} tell=${tell} onEdit=${onEdit} onReload=${onReload}
        onWritten=${onWritten} />
    </article>
  `;
}

function Row({ label, children }) {
  const isEmpty = [children].flat().every((child) => !child);
  return html`<div class=${isEmpty ? "no-print" : null}>
    <dt>${label}</dt><dd>${isEmpty ? html`<span class="quiet">—</span>` : children}</dd>
  </div>`;
}

function Telefono({ telefono }) {
  const { tel, whatsapp } = links(telefono);
  return html`
    <bdi>${telefono}</bdi>
    <span class="reach">
      <a href=${tel}>Llamar</a>
      ${whatsapp && html`<a href=${whatsapp} target="_blank" rel="noopener noreferrer">WhatsApp</a>`}
    </span>
  `;
}

function Correo({ email }) {
  const address = encodeURIComponent(email).replace("%40", "@");
  return html`<a class="name" href=${`mailto:${address}`}><bdi>${email}</bdi></a>`;
}

function Direccion({ direccion }) {
  return html`
    <bdi class="name">${direccion}</bdi>
    <span class="reach">
      <a href=${MAP + encodeURIComponent(`${direccion}, Perú`)} target="_blank" rel="noopener noreferrer">Ver en el mapa</a>
    </span>
  `;
}

function Actions({ cliente, mayChange, heading, tell, onEdit, onReload, onWritten }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const isBusy = useRef(false);

  /** Do one thing at a time, and say what went wrong: here, or in the notice where the card may have been left. */
  const run = async (act, told, complain = setError) => {
    if (isBusy.current) return;
    isBusy.current = true;
    setBusy(true);
    setError("");
    try {
      onWritten(await act(cliente.id, cliente.version));
      tell(...told);
      heading.current?.focus({ preventScroll: true }); // the button that had it is another one
    } catch (error) {
      if (!isTold(error)) throw error;
      complain(error.message);
      if (mayBeDone(error)) onWritten();
      if (mayBeDone(error) || error.code === "VERSION_OBSOLETA") await onReload();
    } finally {
      isBusy.current = false;
      setBusy(false);
    }
  };
  const edit = () => isBusy.current || onEdit(); // over what it will be
  useKey("e", () => mayChange && edit());
  const back = (complain) => run(restore, [html`Se restauró <${Named} cliente=${cliente} />.`], complain);
  const away = () => {
    const undo = { label: "Deshacer", act: () => back(tell) };
    return run(deactivate, [html`Se desactivó <${Named} cliente=${cliente} />.`, undo]);
  };
  return html`
    ${error && html`<div class="box-error no-print" role="alert">${error}</div>`}
    <div class="actions">
      ${mayChange && html`<button class="primary" onClick=${edit} aria-keyshortcuts="e">Editar</button>`}
      ${mayChange && !cliente.vigente && html`
        <button aria-disabled=${busy ? "true" : null} onClick=${() => back()}>Restaurar</button>
      `}
      <button onClick=${() => print()}>Imprimir</button>
      <a class="button" href="#/">Volver a la lista</a>
      ${mayChange && cliente.vigente && html`
        <button class="danger" aria-disabled=${busy ? "true" : null} onClick=${away}>Desactivar</button>
      `}
    </div>
  `;
}

/** Whether the personal data was erased: nothing can be done to it any more, as `anonimizar` in the contract says. */
function isAnonymous({ nombre, tipoDocumento, numeroDocumento, vigente }) {
  return !vigente && nombre === "Cliente anonimizado" && tipoDocumento === "OTRO" && numeroDocumento === "-";
}
