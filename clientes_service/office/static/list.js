// The list of clients: what is looked for, what was found, and how one moves in it.

import { useKeys, useMoves } from "./moves.js";
import { NUMBER, Named, count, focusHeading, html, may, useEffect, useRef, useState } from "./parts.js";
import { ProblemBox, isTold, mayBeDone } from "./problem.js";
import { Table } from "./rows.js";
import { activeFilters, onMoved, useQuery, useSearch, withoutFilters } from "./search.js";
import { Export, Filters, Help, Search } from "./tools.js";
import { deactivate, restore } from "./vigencia.js";

const DEBOUNCE = 150; // milliseconds after a keystroke

export function List({ usuario, tell, changed, change, isShown }) {
  const [query, setQuery] = useQuery();
  const [text, setText] = useTyped(query, setQuery);
  const { found, problem, isBusy, retry, loadMore } = useSearch(query, change);
  const [fault, setFault] = useState(null); // of something else than the search: `{error, again}`
  const [isHelping, setHelping] = useState(false);
  const field = useRef();
  const view = useRef();
  const moves = useMoves({ view, field, found, loadMore, isShown });
  const clear = () => {
    setText("");
    setQuery({ q: "" });
    field.current.focus();
  };
  useKeys({ isShown, field, moves, clear, rol: usuario.rol, onHelp: () => setHelping(true) });
  const restoreRow = useRestore({ tell, changed, setFault });
  const openWhenFound = useOpening(found, isShown, moves.open);

  const look = (part) => {
    focusHeading({ preventScroll: true }); // the button goes
    setQuery(part);
  };
  const typed = (event) => {
    if (event.key === "ArrowDown") moves.enter(event);
    if (event.key === "Enter") {
      if (problem) retry();
      setQuery({ q: text.trim() });
      openWhenFound(text.trim());
    } else {
      openWhenFound(null);
    }
    if (event.key === "Escape") {
      event.preventDefault();
      clear();
    }
  };
  return html`
    <section ref=${view} class="list" aria-labelledby="list-title">
      <div class="list-head">
        <h1 id="list-title" tabindex="-1">Clientes</h1>
        <p class="quiet" role="status">${found ? countWords(found) : !problem && "Cargando…"}</p>
        <div class="list-acts no-print">
          ${may.manage(usuario.rol) && html`
            <${Export} query=${query} tell=${tell} onProblem=${(error, again) => setFault({ error, again })} />
          `}
          ${may.write(usuario.rol) && html`<a class="button primary" href="#/nuevo">Nuevo cliente</a>`}
          <button class="keys-button" aria-label="Teclas" aria-haspopup="dialog"
            onClick=${() => setHelping(true)}>?</button>
        </div>
      </div>
      <${Search} text=${text} onText=${setText} onKey=${typed} field=${field} />
      <${Filters} query=${query} onChange=${setQuery} />
      ${problem && html`<${ProblemBox} error=${problem} onRetry=${retry} />`}
      ${fault && html`
        <${ProblemBox} error=${fault.error} onRetry=${() => {
          setFault(null);
          fault.again();
        }} />
      `}
      ${found?.rows.length > 0 && html`
        <${Table} rows=${found.rows} sort=${query.sort} onSort=${(sort) => setQuery({ sort })} isBusy=${isBusy}
          current=${moves.current} onCurrent=${moves.setCurrent}
          onRestore=${may.write(usuario.rol) ? restoreRow : null} />
      `}
      ${found?.rows.length === 0 && html`
        <${Nobody} query=${found.query} rol=${usuario.rol} onWiden=${() => look(withoutFilters(query))}
          onAll=${() => look({ vigente: "todos" })} />
      `}
      ${found?.cursor && html`
        <p class="more">
          <span class="quiet">Se ven ${NUMBER.format(found.rows.length)} de ${NUMBER.format(found.total)}.</span>
          <button onClick=${moves.more} aria-busy=${isBusy ? "true" : null}>Mostrar más</button>
        </p>
      `}
      ${isHelping && html`<${Help} rol=${usuario.rol} onClose=${() => setHelping(false)} />`}
    </section>
  `;
}

function countWords({ query, total }) {
  const many = count(total, "cliente", "clientes");
  const state = { true: "", false: total === 1 ? " inactivo" : " inactivos", todos: "" }[query.vigente];
  const isNarrowed = query.q || activeFilters(query).some((name) => name !== "vigente");
  return many + state + (isNarrowed ? (total === 1 ? " coincide" : " coinciden") : "");
}

/** What is in the search field; the query follows it a moment later. */
function useTyped(query, setQuery) {
  const [text, setText] = useState(query.q);
  useEffect(() => onMoved(({ q }) => setText((old) => (old.trim() === q ? old : q))), []);
  useEffect(() => {
    if (text.trim() === query.q) return undefined;
    const timer = setTimeout(() => setQuery({ q: text.trim() }), DEBOUNCE);
    return () => clearTimeout(timer);
  }, [text]);
  return [text, setText];
}

/** What opens the only client that was found for a text: now, or once the answer is there, unless the list was left. */
function useOpening(found, isShown, open) {
  const wanted = useRef(null);
  if (!isShown) wanted.current = null;
  const look = () => {
    if (wanted.current === null || found?.query.q !== wanted.current) return;
    wanted.current = null;
    if (found.rows.length === 1) open();
  };
  useEffect(look, [found]);
  return (text) => {
    wanted.current = text;
    look();
  };
}

/** Make a client active again, with a way back. */
function useRestore({ tell, changed, setFault }) {
  const attempt = async (act, cliente, told, again) => {
    try {
      changed(await act(cliente.id));
      setFault(null);
      tell(...told);
    } catch (error) {
      if (!isTold(error)) throw error;
      if (mayBeDone(error)) changed();
      again(error);
    }
  };
  const undo = (cliente) =>
    attempt(deactivate, cliente, [html`<${Named} cliente=${cliente} /> está inactivo otra vez.`],
      ({ message }) => tell(message)); // the list may have been left
  const restoreRow = (cliente) =>
    attempt(restore, cliente,
      [html`Se restauró <${Named} cliente=${cliente} />.`, { label: "Deshacer", act: () => undo(cliente) }],
      (error) => setFault({ error, again: () => restoreRow(cliente) }));
  return restoreRow;
}

/** Why there is nobody, and what to do. */
function Nobody({ query, rol, onWiden, onAll }) {
  const filters = activeFilters(query);
  const widen = filters.length > 0 && html`<p><button onClick=${onWiden}>Quitar los filtros</button></p>`;
  if (query.q) {
    return html`
      <div class="card nobody">
        <p>Nadie coincide con «<bdi class="name">${query.q}</bdi>»${filters.length > 0 && " y los filtros"}.
          Pruebe con otras palabras, o con menos.</p>
        ${widen}
        ${query.vigente === "true" && html`<p><button onClick=${onAll}>Buscar también entre los inactivos</button></p>`}
      </div>
    `;
  }
  if (query.vigente === "false" && filters.length === 1) {
    return html`<div class="card nobody"><p>No hay clientes inactivos.</p>${widen}</div>`;
  }
  if (filters.length > 0) return html`<div class="card nobody"><p>Ningún cliente es así.</p>${widen}</div>`;
  const create = html`<a href="#/nuevo">${may.manage(rol) ? "cree el primero" : "Cree el primero"}</a>`;
  return html`
    <div class="card nobody">
      <p>
        Todavía no hay clientes${may.write(rol) ? ": " : "."}
        ${may.manage(rol) && html`<a href="#/importar">importe su Excel</a> o ${create}.`}
        ${may.write(rol) && !may.manage(rol) && html`${create}.`}
      </p>
    </div>
  `;
}
