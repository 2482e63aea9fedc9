// The page: who is signed in, which view is open, and what was done last.

import { NoAnswer, onSession, resume, signOut } from "./api.js";
import { List } from "./list.js";
import { Notice } from "./notice.js";
import { focusHeading, html, may, render, useCallback, useEffect, useRef, useState } from "./parts.js";
import { ProblemBox, isTold } from "./problem.js";
import { SignIn, SignInAgain } from "./signin.js";
import { hasChanges, isHeld, mayLeave, startAnew } from "./unsaved.js";

// The other views are loaded when they are opened. `#/clientes/12` opens the client with this id.
const VIEWS = [
  { address: /^#\/nuevo$/, load: () => import("./cliente.js"), isAllowed: may.write },
  { address: /^#\/clientes\/(?<id>\d+)$/, load: () => import("./cliente.js") },
  { address: /^#\/importar$/, load: () => import("./import.js"), isAllowed: may.manage, name: "Importar" },
  { address: /^#\/usuarios$/, load: () => import("./usuarios.js"), isAllowed: may.administer, name: "Usuarios" },
  { address: /^#\/servicio$/, load: () => import("./status.js"), isAllowed: may.administer, name: "Servicio" },
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
    const found = VIEWS.find(({ address }) => address.test(hash));
    let isLeft = false;
    const open = (View) => isLeft || setOpened({ ...found, View, props: { ...found.address.exec(hash).groups }, key: hash });
    if (found) found.load().then(({ View }) => open(View), () => open(NotLoaded));
    else setOpened(null);
    return () => {
      isLeft = true;
    };
  }, [hash]);
  return opened;
}

/**
 * The session: `{usuario, error, start, begin, isExpired}`. `usuario` is who is signed in, undefined until it is known, null
 * for nobody; `begin` takes who has signed in, also where the session `isExpired`.
 */
function useSession() {
  const [usuario, setUsuario] = useState(undefined);
  const [error, setError] = useState(null);
  const [expired, setExpired] = useState(null); // keeps a promise once there is a new session
  const isIn = useRef(false);
  isIn.current = !!usuario;
  const start = async () => {
    setError(null);
    try {
      setUsuario(await resume());
    } catch (error) {
      if (!isTold(error)) throw error;
      if (error.status === 404) setUsuario(null); // the accounts are another system's, as who signs in is told
      else setError(error);
    }
  };
  const begin = (signedIn) => {
    setUsuario(signedIn);
    setExpired(null);
    expired?.resolve();
  };
  useEffect(() => {
    onSession({
      askAgain: () => new Promise((resolve) => setExpired({ resolve })),
      onRenewed: setUsuario,
      // What is being typed is kept, for whoever signs in again.
      onLeft: () => isIn.current && !hasChanges() && startAnew(),
    });
    start();
  }, []);
  return { usuario, error, start, begin, isExpired: expired !== null };
}

/**
 * Put the focus on the heading of what is opened, unless the view has put it into one of its fields. It stays where the
 * browser has it until somebody `hasMoved`.
 */
function useFocus(main, key, isIn, hasMoved) {
  useEffect(() => {
    if (key) hasMoved.current = true;
    if (!main.current || !hasMoved.current) return;
    const at = document.activeElement;
    const isPlaced = main.current.contains(at) && !at.closest("[hidden]");
    if (!isPlaced) focusHeading();
  }, [key, isIn]);
}

function App() {
  const { usuario, error, start, begin, isExpired } = useSession();
  const [notice, setNotice] = useState(null);
  const [change, setChange] = useState({}); // another one with each write, so that what is shown is read again
  const main = useRef();
  const hasMoved = useRef(false); // from one view to another, or in: what had the focus is gone
  const hash = useHash();
  const opened = useView(hash);
  useFocus(main, opened?.key, !!usuario, hasMoved);

  /** Tell what was done; `undo` is offered for a moment: `{label, act}`. */
  const tell = useCallback((text, undo) => setNotice({ text, undo }), []);
  /** Say that something was written: `written` is the client, where it is one. */
  const changed = useCallback((written) => setChange({ written }), []);
  const signOutHere = async () => {
    await signOut();
    startAnew();
  };
  /** Sign out, unless something would be lost. */
  const leave = async () => {
    if (isHeld()) return tell("La importación sigue en marcha. Espere a que termine, y salga después.");
    if (!(await mayLeave())) return undefined;
    return signOutHere().catch((error) => {
      if (!isTold(error)) throw error;
      tell(`No se pudo salir. ${error.message}`);
    });
  };
  const enter = (signedIn) => {
    hasMoved.current = true;
    begin(signedIn);
  };

  if (error) return html`<main class="entrance"><h1 tabindex="-1">Clientes</h1><${ProblemBox} error=${error} onRetry=${start} /></main>`;
  if (usuario === undefined) return html`<p class="waiting" role="status">Cargando…</p>`;
  if (usuario === null) return html`<${SignIn} onSignedIn=${enter} />`;
  const context = { usuario, tell, changed, change };
  // Who has signed in over somebody else's form may not save it, but may read it.
  const isRefused = opened?.isAllowed && !opened.isAllowed(usuario.rol) && !hasChanges();
  const View = isRefused ? NotAllowed : opened?.View;
  return html`
    <${Header} usuario=${usuario} hash=${hash} onLeave=${leave} />
    <main ref=${main}>
      <div hidden=${!!opened}><${List} ...${context} isShown=${!opened} /></div>
      ${opened && html`<${View} key=${opened.key} ...${context} ...${opened.props} />`}
    </main>
    <${Notice} notice=${notice} onDone=${() => setNotice(null)} />
    ${isExpired && html`<${SignInAgain} onLeave=${signOutHere} onSignedIn=${begin} />`}
  `;
}

function Header({ usuario, hash, onLeave }) {
  const links = VIEWS.filter(({ name, isAllowed }) => name && isAllowed(usuario.rol));
  return html`
    <header>
      <a class="brand" href="#/">Clientes</a>
      <nav aria-label="Vistas">
        ${links.map(({ address, name }) => html`
          <a key=${name} href=${`#/${name.toLowerCase()}`} aria-current=${address.test(hash) ? "page" : null}>${name}</a>
        `)}
      </nav>
      <bdi class="who name">${usuario.nombre}</bdi>
      <button class="link" onClick=${onLeave}>Salir</button>
    </header>
  `;
}

/** Instead of a view that is not for this role. */
function NotAllowed() {
  return html`
    <h1 tabindex="-1">Su cuenta no puede abrir esto</h1>
    <p>Si lo necesita para su trabajo, pida ese permiso a un administrador.</p>
    <p><a href="#/">Ir a la lista</a></p>
  `;
}

/** Instead of a view whose script did not come. */
function NotLoaded() {
  return html`
    <h1 tabindex="-1">No se pudo abrir</h1>
    <${ProblemBox} error=${new NoAnswer()} onRetry=${() => location.reload()} />
    <p><a href="#/">Ir a la lista</a></p>
  `;
}

render(html`<${App} />`, document.getElementById("app"));
