// The accounts, for ADMIN: who there is, and what can be done about each.

import { call } from "./api.js";
import { Dialog, html, useEffect, useRef, useState } from "./parts.js";
import { EditUsuario, NewPassword, NewUsuario } from "./usuario.js";
import { ROLES } from "./roles.js";

const BY_NAME = new Intl.Collator("es", { sensitivity: "base" });

export function View({ tell }) {
  const [usuarios, setUsuarios] = useState(null);
  const [own, setOwn] = useState(null); // the id of who is signed in
  const [problem, setProblem] = useState(null);
  const [open, setOpen] = useState(null); // the dialog: what it does, and to whom

  const load = async () => {
    setProblem(null);
    try {
      const [list, me] = await Promise.all([call("GET", "/api/usuarios"), call("GET", "/auth/validar-token")]);
      setOwn(me.body.usuario.id);
      setUsuarios(list.body.content.sort((one, other) => BY_NAME.compare(one.nombre, other.nombre)));
    } catch (error) {
      setProblem(error);
    }
  };
  useEffect(() => void load(), []);

  const close = () => setOpen(null);
  const done = async (text) => {
    close();
    if (text) tell(text);
    await load();
  };
  const Opened = open && DIALOGS[open.what];
  return html`
    <div class="title">
      <h1 tabindex="-1">Usuarios</h1>
      <button class="primary" onClick=${() => setOpen({ what: "new" })}>Nuevo usuario</button>
    </div>
    ${problem && html`
      <div class="box-error" role="alert">${problem.message} <button onClick=${load}>Probar otra vez</button></div>
    `}
    ${!usuarios && !problem && html`<p class="waiting" role="status">Cargando…</p>`}
    ${usuarios && html`
      <p class="quiet">${count(usuarios)}</p>
      <ul class="users card" aria-label="Usuarios">
        ${usuarios.map((usuario) => html`
          <${Row} key=${usuario.id} usuario=${usuario} isOwn=${usuario.id === own} tell=${tell} load=${load}
            onOpen=${(what) => setOpen({ what, usuario })} />
        `)}
      </ul>
    `}
    ${Opened && html`
      <${Opened} usuario=${open.usuario} isOwn=${open.usuario && open.usuario.id === own} onClose=${close}
        onDone=${done} />
    `}
  `;
}

const DIALOGS = { new: NewUsuario, edit: EditUsuario, password: NewPassword };

function count(usuarios) {
  const inactive = usuarios.filter(({ vigente }) => !vigente).length;
  const all = usuarios.length === 1 ? "1 usuario" : `${usuarios.length} usuarios`;
  return inactive ? `${all}; ${inactive} sin acceso` : all;
}

function Row({ usuario, isOwn, tell, load, onOpen }) {
  const [problem, setProblem] = useState(null);
  const [asking, setAsking] = useState(false); // whether to lock oneself out
  const busy = useRef(false);

  const setVigente = async (vigente) => {
    if (busy.current) return;
    busy.current = true;
    setProblem(null);
    try {
      await call("PUT", `/api/usuarios/${usuario.id}`, { body: { vigente } });
      if (isOwn && !vigente) return leave();
      await load();
      const said = vigente ? "puede entrar otra vez" : "ya no puede entrar";
      tell(html`<bdi class="name">${usuario.nombre}</bdi> ${said}.`, { label: "Deshacer", act: () => setVigente(!vigente) });
    } catch (error) {
      setProblem(error);
    } finally {
      busy.current = false;
    }
  };
  const whose = html`<span class="visually-hidden"> de <bdi>${usuario.nombre}</bdi></span>`;
  const whom = html`<span class="visually-hidden"> a <bdi>${usuario.nombre}</bdi></span>`;
  return html`
    <li class=${usuario.vigente ? "user" : "user inactive"}>
      <div>
        <strong><bdi class="name">${usuario.nombre}</bdi></strong>${isOwn && html` <span class="tag">usted</span>`}
        <div class="quiet"><bdi class="name">${usuario.email}</bdi></div>
      </div>
      <div><span class="quiet">DNI</span> ${usuario.dni}</div>
      <div>${ROLES[usuario.rol].nombre}</div>
      <div class=${usuario.vigente ? "good" : "warning"}>${usuario.vigente ? "Activo" : "Sin acceso"}</div>
      <div class="actions">
        <button onClick=${() => onOpen("edit")}>Editar${whose}</button>
        <button onClick=${() => onOpen("password")}>Contraseña${whose}</button>
        ${usuario.vigente
          ? html`<button class="danger" onClick=${() => (isOwn ? setAsking(true) : setVigente(false))}>
              Desactivar${whom}
            </button>`
          : html`<button onClick=${() => setVigente(true)}>Reactivar${whom}</button>`}
      </div>
      ${problem && html`<p class="error" role="alert">${problem.message}</p>`}
      ${asking && html`
        <${OwnDeactivation} onClose=${() => setAsking(false)} onAct=${() => {
          setAsking(false);
          setVigente(false);
        }} />
      `}
    </li>
  `;
}

function OwnDeactivation({ onClose, onAct }) {
  return html`
    <${Dialog} title="¿Desactivar su propia cuenta?" onClose=${onClose}>
      <p>Saldrá en este momento y no podrá entrar otra vez, hasta que otro administrador reactive su cuenta.</p>
      <div class="actions">
        <button class="danger" onClick=${onAct}>Desactivar mi cuenta</button>
        <button onClick=${onClose}>Cancelar</button>
      </div>
    <//>
  `;
}

/** Begin anew: nobody is signed in any more. */
function leave() {
  location.hash = "";
  location.reload();
}
