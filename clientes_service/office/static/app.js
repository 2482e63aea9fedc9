// The page: who is signed in, which view is open, and what was done last.

import { onExpired, resume, signOut } from "./api.js";
import { List } from "./list.js";
import { html, may, render, useCallback, useEffect, useRef, useState } from "./parts.js";
import { SignIn, SignInAgain } from "./signin.js";
import { mayLeave, stopAsking } from "./unsaved.js";

const NOTICE_SECONDS = 10;
// The other views are loaded when they are opened. `#/clientes/12` opens the client with this id.
const VIEWS = [
  [/^#\/nuevo$/, () => import("./cliente.js"), () => ({})],
  [/^#\/clientes\/(\d+)$/, () => import("./cliente.js"), ([, id]) => ({ id: Number(id) })],
  [/^#\/importar$/, () => import("./import.js"), () => ({})],
  [/^#\/usuarios$/, () => import("./usuarios.js"), () => ({})],
  [/^#\/servicio$/, () => import("./status.js"), () => ({})],
];

function useHash() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return hash;
}

/** The view that an address opens: `{View, props}`, or null for the list. */
function useView(hash) {
  const [opened, setOpened] = useState(null);
  useEffect(() => {
    const [pattern, load, take] = VIEWS.find(([pattern]) => pattern.test(hash)) ?? [];
    let isLeft = false;
    if (pattern) {
      load().then(({ View }) => isLeft || setOpened({ View, props: take(pattern.exec(hash)), key: hash }));
    } else {
      setOpened(null);
    }
    return () => {
      isLeft = true;
    };
  }, [hash]);
  return opened;
}

function App() {
  const [usuario, setUsuario] = useState(undefined); // undefined: not known yet; null: nobody
  const [expired, setExpired] = useState(null); // keeps a promise once there is a new session
  const [notice, setNotice] = useState(null);
  const [change, setChange] = useState({}); // another one with each write, so that the list looks again
  const main = useRef();
  const hash = useHash();
  const opened = useView(hash);

  useEffect(() => {
    onExpired(() => new Promise((resolve) => setExpired({ resolve })));
    resume().then(setUsuario, () => setUsuario(null));
  }, []);
  useEffect(() => {
    if (!notice) return undefined;
    const timer = setTimeout(() => setNotice(null), NOTICE_SECONDS * 1000);
    return () => clearTimeout(timer);
  }, [notice]);
  useEffect(() => {
    const at = document.activeElement; // a view may have put the focus into one of its fields
    if (!opened || !main.current || (main.current.contains(at) && !at.closest("[hidden]"))) return;
    main.current.querySelector("h1:not([hidden] h1)")?.focus(); // the list's heading is hidden
  }, [opened?.key, !usuario]);

  /** Tell what was done; `undo` is offered for a moment: `{label, act}`. */
  const tell = useCallback((text, undo) => setNotice({ text, undo }), []);
  /** Say that something was written: `written` is the client, where it is one. */
  const changed = useCallback((written) => setChange({ written }), []);
  const leave = async () => {
    if (!(await mayLeave())) return;
    await signOut().catch(() => {});
    history.replaceState(null, "", "/"); // the next person is not to see what was searched for
    location.reload();
  };

  if (usuario === undefined) return html`<p class="waiting" role="status">Cargando…</p>`;
  if (usuario === null) return html`<${SignIn} onSignedIn=${setUsuario} />`;
  const context = { usuario, tell, changed, change };
  return html`
    <${Header} usuario=${usuario} hash=${hash} onLeave=${leave} />
    <main ref=${main}>
      <div hidden=${!!opened}><${List} ...${context} isShown=${!opened} /></div>
      ${opened && html`<${opened.View} key=${opened.key} ...${context} ...${opened.props} />`}
    </main>
    <${Notice} notice=${notice} onDone=${() => setNotice(null)} />
    ${expired && html`
      <${SignInAgain} onLeave=${() => (stopAsking(), leave())} onSignedIn=${(signedIn) => {
        setUsuario(signedIn);
        setExpired(null);
        expired.resolve();
      }} />
    `}
  `;
}

const LINKS = [
  ["#/importar", "Importar", may.manage],
  ["#/usuarios", "Usuarios", may.administer],
  ["#/servicio", "Servicio", may.administer],
];

function Header({ usuario, hash, onLeave }) {
  const links = LINKS.filter(([, , isAllowed]) => isAllowed(usuario.rol));
  return html`
    <header>
      <a class="brand" href="#/">Clientes</a>
      <nav aria-label="Vistas">
        ${links.map(([to, name]) => html`<a href=${to} aria-current=${to === hash ? "page" : null}>${name}</a>`)}
      </nav>
      <bdi class="who name">${usuario.nombre}</bdi>
      <button class="link" onClick=${onLeave}>Salir</button>
    </header>
  `;
}

function Notice({ notice, onDone }) {
  const undo = () => {
    onDone();
    notice.undo.act();
  };
  return html`
    <div class="notice" role="status" hidden=${!notice}>
      ${notice && html`<span>${notice.text}</span>`}
      ${notice?.undo && html`<button onClick=${undo}>${notice.undo.label}</button>`}
      ${notice && html`<button class="link" aria-label="Cerrar el aviso" onClick=${onDone}>✕</button>`}
    </div>
  `;
}

render(html`<${App} />`, document.getElementById("app"));
