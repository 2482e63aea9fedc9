// What would be lost by leaving: whoever leaves is asked first.

import { Dialog, html, useEffect, useLayoutEffect, useState } from "./parts.js";

let ask = null; // while there are changes: asks, and promises whether they may be lost
let held = 0; // things under way whose end the page is to see

addEventListener("beforeunload", (event) => {
  if (!hasChanges()) return;
  event.preventDefault();
  event.returnValue = true; // the same for Chromium before 119
});

/** Keep the page, as far as a page can, until what is under way has ended; returns what says that it has. */
export function hold() {
  held += 1;
  return () => {
    held -= 1;
  };
}

/** Whether something is under way, so that nobody should sign out now. */
export function isHeld() {
  return held > 0;
}

/** Whether the view may be left: asks where there are unsaved changes. */
export async function mayLeave() {
  return ask === null || (await ask());
}

/** Whether something would be lost with the page. */
export function hasChanges() {
  return ask !== null || isHeld();
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

const CHANGES = {
  title: "Hay cambios sin guardar",
  text: "Si sale ahora, lo que escribió se pierde.",
  stay: "Seguir escribiendo",
  leave: "Salir sin guardar",
};

/** Stands in a form, and asks before its changes are lost. */
export function Unsaved({ isChanged, words = CHANGES }) {
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
    question.answer(isLeaving); // it is lost only once the view is left, which may not succeed
  };
  return question && html`
    <${Dialog} title=${words.title} onClose=${() => answer(false)}>
      <p>${words.text}</p>
      <div class="actions">
        <button type="button" class="primary" onClick=${() => answer(false)}>${words.stay}</button>
        <button type="button" class="danger" onClick=${() => answer(true)}>${words.leave}</button>
      </div>
    <//>
  `;
}

/** Catch links of the page, and the browser's Back. */
function watch() {
  const here = location.href;
  const catchMove = () => {
    if (ask === null || location.href === here) return;
    history.pushState(null, "", here); // before the page, which listens to hashchange, opens another view
    go(() => history.back());
  };
  document.addEventListener("click", catchLink, true);
  addEventListener("popstate", catchMove);
  return () => {
    document.removeEventListener("click", catchLink, true);
    removeEventListener("popstate", catchMove);
  };
}

async function go(act) {
  if (!(await mayLeave())) return;
  stopAsking();
  act();
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
