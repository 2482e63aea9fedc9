// The list of clients: search, filters, order, pages.

import { html } from "./parts.js";

export function List() {
  return html`<h1 tabindex="-1">Clientes</h1>`;
}
