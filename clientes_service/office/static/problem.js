// What went wrong, and what to do about it.

import { NoAnswer, Problem } from "./api.js";
import { html } from "./parts.js";

/** Whether this is an answer that the user is told; anything else is a defect of the page. */
export function isTold(error) {
  return error instanceof Problem || error instanceof NoAnswer;
}

/** A box that says it, with a way to try again. */
export function ProblemBox({ error, onRetry, children }) {
  const trace = error.status >= 500 && error.body?.requestId;
  return html`
    <div class="box-error" role="alert">
      <p>${error.message}</p>
      ${trace && html`<p>Si pide ayuda, dé este número: <code>${trace}</code></p>`}
      ${children}
      ${onRetry && html`<button onClick=${onRetry}>Reintentar</button>`}
    </div>
  `;
}
