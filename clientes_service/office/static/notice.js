// What was done last, with a way back from it.

import { focusHeading, html, useEffect, useRef, useState } from "./parts.js";

const SECONDS = 10; // that it stays, unless somebody is at it

/** `notice` is `{text, undo}`, or null; its place is always there, since a reader hears only what comes into one. */
export function Notice({ notice, onDone }) {
  const [isHeld, setHeld] = useState(false);
  const before = useRef(null); // what had the focus before one of its buttons
  useEffect(() => {
    if (!notice || isHeld) return undefined;
    const timer = setTimeout(onDone, SECONDS * 1000);
    return () => clearTimeout(timer);
  }, [notice, isHeld]);

  const done = () => {
    setHeld(false);
    onDone();
    before.current?.focus({ preventScroll: true });
    if (document.activeElement !== before.current) focusHeading({ preventScroll: true });
  };
  const undo = () => {
    done();
    notice.undo.act();
  };
  const enter = ({ currentTarget, relatedTarget }) => {
    if (!currentTarget.contains(relatedTarget)) before.current = relatedTarget;
    setHeld(true);
  };
  return html`
    <div class="notice" role="status" onFocusIn=${enter} onFocusOut=${() => setHeld(false)}
      onMouseEnter=${() => setHeld(true)} onMouseLeave=${() => setHeld(false)}>
      ${notice && html`<span>${notice.text}</span>`}
      ${notice?.undo && html`<button onClick=${undo}>${notice.undo.label}</button>`}
      ${notice && html`<button class="link" aria-label="Cerrar el aviso" onClick=${done}>✕</button>`}
    </div>
  `;
}
