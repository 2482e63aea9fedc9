// Unsaved changes: whoever leaves is asked first.

import { Dialog, html, useEffect, useLayoutEffect, useState } from "./parts.js";

let ask = null; // while there are changes: asks, and promises whether they may be lost

/** Whether the view may be left: asks where there are unsaved changes. */
export async function mayLeave() {
  return ask === null || (await ask());
}

/** Whether something would be lost. */
export function hasChanges() {
  return ask !== null;
}

/** Begin anew, for nobody or for the same person with other rights: nothing of before is to be seen. */
export function startAnew(address = "/") {
  stopAsking();
  history.replaceState(null, "", address);
  location.reload();
}

/** Ask no more: the changes are saved, or given up. */
export function stopAsking() {
  ask = null;
}

/** Stands in a form, and asks before its changes are lost. */
export function Unsaved({ isChanged }) {
  const [question, setQuestion] = useState(null); // `{answer}`, once somebody wants to leave
  // With the first key, not after the next paint: the tab may be closed at once.
  useLayoutEffect(() => {
    if (!isChanged) return undefined;
    const own = () => new Promise((resolve) => setQuestion({ answer: resolve }));
    ask = own;
    return () => {
      if (ask === own) ask = null;
    };
  }, [isChanged]);
  useEffect(watch, []);

  const answer = (isLeaving) => {
    setQuestion(null);
    if (isLeaving) stopAsking();
    question.answer(isLeaving);
  };
  return question && html`
    <${Dialog} title="Hay cambios sin guardar" onClose=${() => answer(false)}>
      <p>Si sale ahora, lo que escribió se pierde.</p>
      <div class="actions">
        <button type="button" class="primary" onClick=${() => answer(false)}>Seguir escribiendo</button>
        <button type="button" class="danger" onClick=${() => answer(true)}>Salir sin guardar</button>
      </div>
    <//>
  `;
}

/** Catch links of the page, the browser's Back, and the closing of the tab. */
function watch() {
  const here = location.href;
  const catchMove = () => {
    if (ask === null || location.href === here) return;
    history.pushState(null, "", here); // before the page, which listens to hashchange, opens another view
    go(() => history.back());
  };
  document.addEventListener("click", catchLink, true);
  addEventListener("popstate", catchMove);
  addEventListener("beforeunload", catchClose);
  return () => {
    document.removeEventListener("click", catchLink, true);
    removeEventListener("popstate", catchMove);
    removeEventListener("beforeunload", catchClose);
  };
}

async function go(act) {
  if (await mayLeave()) act();
}

function catchLink(event) {
  const link = event.target.closest?.('a[href^="#"]:not([target])');
  const opensElsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0;
  if (ask === null || !link || opensElsewhere || link.hash === location.hash) return;
  event.preventDefault();
  go(() => {
    location.hash = link.hash;
  });
}

function catchClose(event) {
  if (ask !== null) event.preventDefault();
}
