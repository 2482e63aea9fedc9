// What was done last, with a way back from it.

import { focusHeading, html, useEffect, useLayoutEffect, useRef, useState } from "./parts.js";

const SECONDS = 10; // that it stays, unless somebody is at it

/** `notice` is `{text, undo}`, or null; its place is always there, since a reader hears only what comes into one. */
export function Notice({ notice, onDone }) {
  const [isOver, setOver] = useState(false); // the mouse
  const [isInside, setInside] = useState(false); // the focus
  const region = useRef();
  const before = useRef(null); // what had the focus before one of its buttons
  useEffect(() => {
    if (!notice || isOver || isInside) return undefined;
    const timer = setTimeout(onDone, SECONDS * 1000);
    return () => clearTimeout(timer);
  }, [notice, isOver, isInside]);
  useLayoutEffect(() => {
    if (!isInside || region.current.contains(document.activeElement)) return;
    setInside(false); // its button went, which the browser does not tell
    before.current?.focus({ preventScroll: true });
    if (document.activeElement !== before.current) focusHeading({ preventScroll: true });
  }, [notice]);

  const undo = () => {
    onDone();
    notice.undo.act();
  };
  const enter = ({ relatedTarget }) => {
    if (!region.current.contains(relatedTarget)) before.current = relatedTarget;
    setInside(true);
  };
  const leave = ({ target, relatedTarget }) => {
    const isGoing = !region.current.contains(relatedTarget);
    setTimeout(() => isGoing && target.isConnected && setInside(false)); // it was left, not taken away
  };
  return html`
    <div class="notice" role="status" ref=${region} onFocusIn=${enter} onFocusOut=${leave}
      onMouseEnter=${() => setOver(true)} onMouseLeave=${() => setOver(false)}
      onMouseDown=${(event) => event.preventDefault() /* nobody's focus is taken away by a click */}>
      ${notice && html`<span>${notice.text}</span>`}
      ${notice?.undo && html`<button onClick=${undo}>${notice.undo.label}</button>`}
      ${notice && html`<button class="link" aria-label="Cerrar el aviso" onClick=${onDone}>✕</button>`}
    </div>
  `;
}
