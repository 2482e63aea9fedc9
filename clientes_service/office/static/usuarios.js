// The accounts, for ADMIN: who there is, and what can be done about each.

import { call } from "./api.js";
import { Dialog, count, html, useEffect, useRef, useState, useTitle } from "./parts.js";
import { ProblemBox, isTold, useLoaded } from "./problem.js";
import { ROLES } from "./roles.js";
import { startAnew } from "./unsaved.js";
import { EditUsuario, NewPassword, NewUsuario } from "./usuario.js";

const BY_NAME = new Intl.Collator("es", { sensitivity: "base" });

export function View({ tell, changed, change }) {
  useTitle("Usuarios");
  const { value, error, load } = useLoaded(read);
  const [open, setOpen] = useState(null); // the dialog: what it does, and to whom
  const { usuarios, own } = value ?? {};
  useEffect(() => void load(), [change]);

  const close = () => setOpen(null);
  const done = (text) => {
    close();
    if (text) tell(text);
    changed();
  };
  const Opened = open && DIALOGS[open.what];
  return html`
    <div class="title">
      <h1 tabindex="-1">Usuarios</h1>
      <button class="primary" onClick=${() => setOpen({ what: "new" })}>Nuevo usuario</button>
    </div>
    ${error && html`<${ProblemBox} error=${error} onRetry=${load} />`}
    ${!usuarios && !error && html`<p class="waiting" role="status">Cargando…</p>`}
    ${usuarios && html`
      <p class="quiet">${howMany(usuarios)}</p>
      <ul class="users card" aria-label="Usuarios">
        ${usuarios.map((usuario) => html`
          <${Row} key=${usuario.id} usuario=${usuario} isOwn=${usuario.id === own} tell=${tell} changed=${changed}
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

/** `{usuarios, own}`, where `own` is the id of who is signed in. */
async function read() {
  const [list, me] = await Promise.all([call("GET", "/api/usuarios"), call("GET", "/auth/validar-token")]);
  const usuarios = list.body.content.sort((one, other) => BY_NAME.compare(one.nombre, other.nombre));
  return { usuarios, own: me.body.usuario.id };
}

function howMany(usuarios) {
  const inactive = usuarios.filter(({ vigente }) => !vigente).length;
  const all = count(usuarios.length, "usuario", "usuarios");
  return inactive ? `${all}; ${inactive} sin acceso` : all;
}

function Row({ usuario, isOwn, tell, changed, onOpen }) {
  const [problem, setProblem] = useState("");
  const [asking, setAsking] = useState(false); // whether to lock oneself out
  const busy = useRef(false);

  /** What goes wrong is said in the row, or in the notice where the view may have been left. */
  const setVigente = async (vigente, complain = setProblem) => {
    if (busy.current) return;
    busy.current = true;
    setProblem("");
    try {
      await call("PUT", `/api/usuarios/${usuario.id}`, { body: { vigente } });
      if (isOwn && !vigente) {
        startAnew();
        return;
      }
      const said = vigente ? "puede entrar otra vez" : "ya no puede entrar";
      const undo = { label: "Deshacer", act: () => setVigente(!vigente, tell) };
      tell(html`<bdi class="name">${usuario.nombre}</bdi> ${said}.`, undo);
      changed();
    } catch (error) {
      if (!isTold(error)) throw error;
      complain(error.message);
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
      ${problem && html`<p class="error" role="alert">${problem}</p>`}
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
