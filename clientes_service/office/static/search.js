// What the list looks for, kept in the page's address, and the clients that the API has for it.

import { call } from "./api.js";
import { useCallback, useEffect, useRef, useState } from "./parts.js";
import { isTold } from "./problem.js";

const PAGE = 50; // clients at a time
const MOST = 500; // in one answer
const NEUTRAL = { q: "", tipoCliente: "", tipoDocumento: "", vigente: "true", sort: "nombre,asc" };

/** What can be chosen, as [value, words]. */
export const CHOICES = {
  tipoCliente: [["", "Todos"], ["PERSONA", "Personas"], ["EMPRESA", "Empresas"], ["OTRO", "Otros"]],
  tipoDocumento: [["", "Todos"], ["RUC", "RUC"], ["DNI", "DNI"], ["CE", "Carné de extranjería"], ["OTRO", "Otro"]],
  vigente: [["true", "Activos"], ["false", "Inactivos"], ["todos", "Todos"]],
  sort: [
    ["nombre,asc", "Nombre A–Z"],
    ["nombre,desc", "Nombre Z–A"],
    ["codigoCliente,asc", "Código 1–9"],
    ["codigoCliente,desc", "Código 9–1"],
    ["fechaModificacion,desc", "Últimos cambios"],
    ["fechaModificacion,asc", "Cambios más viejos"],
    ["fechaCreacion,desc", "Los más nuevos"],
    ["fechaCreacion,asc", "Los más antiguos"],
  ],
};
const FILTERS = ["tipoCliente", "tipoDocumento", "vigente"];

/** The filters of a query that narrow it, beside its words. */
export function activeFilters(query) {
  return FILTERS.filter((name) => query[name] !== NEUTRAL[name]);
}

/** A query without its filters. */
export function withoutFilters(query) {
  return { ...query, ...Object.fromEntries(FILTERS.map((name) => [name, NEUTRAL[name]])) };
}

/** A query as the API takes it. */
export function asParams(query) {
  return new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
}

/** The query of the page's address, and a way to change both; it follows the back button. */
export function useQuery() {
  const [query, setQuery] = useState(readAddress);
  useEffect(() => onMoved((moved) => setQuery((old) => (isSame(old, moved) ? old : moved))), []);
  const change = useCallback((part) => {
    const query = { ...readAddress(), ...part }; // the address is always ahead of what is shown
    writeAddress(query);
    setQuery((old) => (isSame(old, query) ? old : query));
  }, []);
  return [query, change];
}

/** Do something with the query of each address that the back button leads to. Returns what ends that. */
export function onMoved(act) {
  const moved = () => act(readAddress());
  addEventListener("popstate", moved);
  return () => removeEventListener("popstate", moved);
}

function readAddress() {
  const given = new URLSearchParams(location.search);
  const isKnown = (name, value) => !CHOICES[name] || CHOICES[name].some(([known]) => known === value);
  const entries = Object.entries(NEUTRAL).map(([name, usual]) => {
    const value = given.get(name);
    return [name, value !== null && isKnown(name, value) ? value : usual];
  });
  return Object.fromEntries(entries);
}

function writeAddress(query) {
  const changed = Object.entries(query).filter(([name, value]) => value !== NEUTRAL[name]);
  const search = changed.length ? `?${new URLSearchParams(changed)}` : "";
  history.replaceState(history.state, "", location.pathname + search + location.hash);
}

function isSame(one, other) {
  return Object.keys(NEUTRAL).every((name) => one[name] === other[name]);
}

/**
 * The clients of a query: `{found, problem, isBusy, retry, loadMore}`, where `found` is `{query, rows, total, cursor}`, of
 * the last answer that came. They are looked for again for another `change`, as many as there were.
 */
export function useSearch(query, change) {
  const [found, setFound] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const running = useRef(null);
  const latest = useRef(null);
  latest.current = found;

  /** Do one thing at a time: what was asked before is of no use any more. */
  const run = useCallback(async (look) => {
    running.current?.abort();
    const own = new AbortController();
    running.current = own;
    setBusy(true);
    try {
      const result = await look(own.signal);
      if (own.signal.aborted) return null;
      setFound(result);
      setProblem(null);
      return result;
    } catch (error) {
      if (own.signal.aborted) return null;
      if (!isTold(error)) throw error;
      setProblem(error);
      return null;
    } finally {
      if (running.current === own) setBusy(false);
    }
  }, []);

  useEffect(() => {
    const old = latest.current;
    const count = old && isSame(old.query, query) ? old.rows.length : 0;
    run((signal) => fetchRows(query, Math.max(count, PAGE), signal));
  }, [query, change, attempt]);
  const loadMore = () => {
    const { query: shown, rows, cursor } = latest.current;
    if (isBusy || !isSame(shown, query)) return Promise.resolve(null); // what comes is another list
    return run((signal) => fetchRows(query, PAGE, signal, rows, cursor));
  };
  return { found, problem, isBusy, retry: () => setAttempt((count) => count + 1), loadMore };
}

/** At least `count` more clients behind these, or all that there are. */
async function fetchRows(query, count, signal, rows = [], cursor = null) {
  const wanted = rows.length + count;
  for (;;) {
    const params = asParams(query);
    params.set("size", Math.min(wanted - rows.length, MOST));
    if (cursor) params.set("cursor", cursor);
    const { body } = await call("GET", `/api/clientes?${params}`, { signal });
    const known = new Set(rows.map(({ id }) => id));
    rows = [...rows, ...body.content.filter(({ id }) => !known.has(id))];
    cursor = body.nextCursor;
    if (!cursor || rows.length >= wanted) return { query, rows, total: body.totalElements, cursor };
  }
}
