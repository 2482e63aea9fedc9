// Moving in the list by keys, and coming back to one's place in it.

import { may, useEffect, useKey, useRef, useState } from "./parts.js";

/** The current client, and the ways from one to another. */
export function useMoves({ view, field, found, loadMore, isShown }) {
  const [chosen, setCurrent] = useState(null);
  const rows = found?.rows ?? [];
  const at = Math.max(rows.findIndex(({ id }) => id === chosen), 0);
  const place = useRef({ y: 0, at: 0, isInRow: false });
  const focusRow = (row, options) => view.current.querySelector(`a.open[data-id="${row.id}"]`)?.focus(options);
  const reach = (row) => {
    focusRow(row);
    view.current.querySelector(`a.open[data-id="${row.id}"]`)?.closest("tr").scrollIntoView({ block: "nearest" });
  };

  const more = async () => {
    const known = rows.length;
    const result = await loadMore();
    if (result?.rows[known]) setTimeout(() => focusRow(result.rows[known], { preventScroll: true }));
    return result;
  };
  const step = async (by) => {
    const isInRow = view.current.querySelector("tbody")?.contains(document.activeElement);
    if (!isInRow) return rows[at] && reach(rows[at]);
    if (by < 0 && at === 0) return field.current.focus();
    if (rows[at + by]) return reach(rows[at + by]);
    return found?.cursor && (await more()) && document.activeElement.scrollIntoView({ block: "nearest" });
  };
  useReturn({ isShown, place, focusRow: () => rows[at] && focusRow(rows[at], { preventScroll: true }) });
  useLostFocus({ view, place, rows, reach, field, isShown });
  return {
    current: rows[at]?.id,
    setCurrent,
    more,
    step,
    edge: (isEnd) => rows.length && reach(rows.at(isEnd ? -1 : 0)),
    enter: (event) => {
      event.preventDefault();
      if (rows.length) reach(rows[0]);
    },
    open: () => {
      setCurrent(rows[0].id);
      location.hash = `#/clientes/${rows[0].id}`;
    },
  };
}

/** Come back to where one was, when another view is closed. */
function useReturn({ isShown, place, focusRow }) {
  const was = useRef(isShown);
  useEffect(() => {
    history.scrollRestoration = "manual"; // the browser would do it before the list is there again
  }, []);
  useEffect(() => {
    const leave = () => {
      if (was.current) place.current.y = scrollY;
    };
    addEventListener("hashchange", leave);
    return () => removeEventListener("hashchange", leave);
  }, []);
  useEffect(() => {
    if (isShown && !was.current) {
      if (document.activeElement === document.body) focusRow();
      scrollTo(0, place.current.y);
    }
    was.current = isShown;
  }, [isShown]);
}

/** When the row goes that has the focus, such as one that was restored, go on with that in its place. */
function useLostFocus({ view, place, rows, reach, field, isShown }) {
  useEffect(() => {
    if (isShown && place.current.isInRow && document.activeElement === document.body) {
      const next = rows[Math.min(place.current.at, rows.length - 1)];
      if (next) reach(next);
      else field.current.focus();
    }
  }, [rows]);
  useEffect(() => {
    const body = view.current;
    const note = ({ target }) => {
      const row = target.closest("tbody tr");
      place.current.isInRow = !!row;
      if (row) place.current.at = [...row.parentElement.children].indexOf(row);
    };
    const leave = ({ target, relatedTarget }) => {
      if (relatedTarget) return;
      setTimeout(() => {
        if (target.isConnected) place.current.isInRow = false; // it was left, not taken away
      });
    };
    body.addEventListener("focusin", note);
    body.addEventListener("focusout", leave);
    return () => {
      body.removeEventListener("focusin", note);
      body.removeEventListener("focusout", leave);
    };
  }, []);
}

/** The keys of the list, while it is shown. */
export function useKeys({ isShown, field, moves, clear, rol, onHelp }) {
  const key = (name) => (isShown ? name : null);
  useKey(key("/"), () => {
    field.current.focus();
    field.current.select();
  });
  useKey(key("ArrowDown"), () => moves.step(1));
  useKey(key("ArrowUp"), () => moves.step(-1));
  useKey(key("Home"), () => moves.edge(false));
  useKey(key("End"), () => moves.edge(true));
  useKey(key("Escape"), clear);
  useKey(key("?"), onHelp);
  useKey(may.write(rol) ? key("n") : null, () => {
    location.hash = "#/nuevo";
  });
}
