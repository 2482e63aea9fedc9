// What is read from the service, what went wrong, and what to do about it.

import { NoAnswer, Problem } from "./api.js";
import { focusHeading, html, useRef, useState } from "./parts.js";

/** Whether this is an answer that the user is told; anything else is a defect of the page. */
export function isTold(error) {
  return error instanceof Problem || error instanceof NoAnswer;
}

/** Whether what was asked may have been done all the same, so that what is shown is to be read again. */
export function mayBeDone(error) {
  return error instanceof NoAnswer || error.status >= 500;
}

/**
 * What `read` gets from the service: `{value, error, isBusy, load, take}`. Nothing is read until the first `load`, whose
 * arguments `read` gets. What was asked last counts, and what was `take`n counts more than what is under way.
 */
export function useLoaded(read) {
  const [state, setState] = useState({ value: null, error: null, isBusy: true });
  const latest = useRef(null);
  const take = (value) => {
    latest.current = null;
    setState({ value, error: null, isBusy: false });
  };
  const load = async (...args) => {
    const own = (latest.current = {});
    setState(({ value }) => ({ value, error: null, isBusy: true }));
    try {
      const value = await read(...args);
      if (latest.current === own) take(value);
    } catch (error) {
      if (!isTold(error)) throw error;
      if (latest.current === own) setState(({ value }) => ({ value, error, isBusy: false }));
    }
  };
  return { ...state, load, take };
}

/** A box that says it, with a way to try again. */
export function ProblemBox({ error, onRetry, children }) {
  const trace = error.status >= 500 && error.body?.requestId;
  const retry = () => {
    focusHeading({ preventScroll: true }); // the button goes
    onRetry();
  };
  return html`
    <div class="box-error" role="alert">
      <p>${error.message}</p>
      ${trace && html`<p>Si pide ayuda, dé este número: <code>${trace}</code></p>`}
      ${children}
      ${onRetry && html`<button onClick=${retry}>Reintentar</button>`}
    </div>
  `;
}
