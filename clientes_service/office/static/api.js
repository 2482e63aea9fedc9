// Calls of the public API, and the session that they need. Nothing here knows the page.
//
// The access token is in memory alone. The refresh token is in a cookie that no script can read: it brings the
// session back after a reload, and serves all tabs, which renew by turns.

const PATIENCE = 15_000; // milliseconds without an answer
const FILE_PATIENCE = 300_000; // the same for a file, from the last that was sent of it
const IN_COOKIE = { "Refresh-Token-In": "cookie" };

/** What the service said against a request: its problem document (RFC 9457). */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? "El servicio respondió algo que esta página no entiende.");
    this.status = status;
    this.code = body.code ?? "";
    this.body = body;
    /** Field by field, what to do. */
    this.fields = Object.fromEntries((body.errors ?? []).map(({ field, message }) => [field, message]));
  }
}

/** Nobody answered: whether it was done is not known. */
export class NoAnswer extends Error {
  constructor() {
    super("No hay respuesta del servicio. Revise su conexión y pruebe otra vez: nada se hará dos veces.");
  }
}

let token = null;
let renewing = null;
let askAgain = () => Promise.reject(new Error("nobody can sign in"));

/** Say what is done when a session has ended in the middle of work: a promise that is kept once there is a new one. */
export function onExpired(act) {
  askAgain = act;
}

/** Begin a session; return who signed in: `{nombre, email, rol}`. Throws Problem and NoAnswer. */
export async function signIn(dni, password) {
  return begin(await read(await send("POST", "/auth", { body: { dni, password }, headers: IN_COOKIE })));
}

/** Go on with the session of before a reload; null where there is none. */
export async function resume() {
  const answer = await byTurns(() => send("POST", "/auth/refresh", { headers: IN_COOKIE }));
  return answer.status === 401 ? null : begin(await read(answer));
}

/** End the session, here and for its cookie. */
export async function signOut() {
  await send("POST", "/auth/logout", { headers: { ...IN_COOKIE, Authorization: `Bearer ${token}` } });
  token = null;
}

/**
 * Call the API. Returns `{status, body, headers}`; throws Problem for an answer of 400 or more, NoAnswer where none
 * comes, and an AbortError after `signal`. Where the session has ended, the user signs in again and the call goes on.
 */
export async function call(method, path, { body, headers, signal, patience } = {}) {
  for (;;) {
    const used = token;
    const bearer = { Authorization: `Bearer ${used}` };
    const answer = await send(method, path, { body, headers: { ...bearer, ...headers }, signal, patience });
    if (answer.status !== 401) {
      return { status: answer.status, body: await read(answer), headers: answer.headers };
    }
    if (used === token) await renew();
  }
}

/** Fetch a file, as `{name, blob}`. Throws as `call` does. */
export async function download(path) {
  const { body, headers } = await call("GET", path, { patience: FILE_PATIENCE });
  const [, name] = /filename="?([^";]+)/.exec(headers.get("Content-Disposition") ?? "") ?? [];
  return { name: name ?? "clientes", blob: body };
}

/**
 * Upload a file to be imported; `progress` gets the share that has been sent, from 0 to 1. Returns and throws as `call`.
 */
export async function upload(path, file, progress, { signal } = {}) {
  for (;;) {
    const used = token;
    const answer = await sendFile(path, file, progress, signal);
    if (answer.status !== 401) {
      return { status: answer.status, body: await read(answer), headers: answer.headers };
    }
    if (used === token) await renew();
  }
}

function begin(pair) {
  token = pair.token;
  return { nombre: pair.nombre, email: pair.email, rol: pair.rol };
}

/** Get a new token, once for all who wait for it. */
function renew() {
  renewing ??= (async () => {
    const isResumed = await resume();
    if (!isResumed) await askAgain();
  })().finally(() => {
    renewing = null;
  });
  return renewing;
}

/** Tabs share the cookie, and a refresh token that is used twice ends its session: so one renews after the other. */
function byTurns(act) {
  return navigator.locks ? navigator.locks.request("clientes-session", act) : act();
}

async function send(method, path, { body, headers = {}, signal, patience = PATIENCE }) {
  const ends = AbortSignal.timeout(patience);
  const json = body === undefined ? {} : { "Content-Type": "application/json" };
  try {
    return await fetch(path, {
      method,
      headers: { ...json, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "same-origin",
      signal: signal ? AbortSignal.any([signal, ends]) : ends,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new NoAnswer();
  }
}

function sendFile(path, file, progress, signal) {
  const form = new FormData();
  form.append("archivo", file);
  const sending = new XMLHttpRequest(); // fetch does not tell how much has been sent
  const stop = () => sending.abort();
  let timer;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(stop, FILE_PATIENCE);
  };
  const answered = new Promise((resolve, reject) => {
    sending.upload.onprogress = ({ loaded, total }) => {
      wait();
      progress(loaded / total);
    };
    sending.onload = () => {
      const kind = sending.getResponseHeader("Content-Type") ?? "";
      resolve(new Response(sending.response, { status: sending.status, headers: { "Content-Type": kind } }));
    };
    sending.onerror = () => reject(new NoAnswer());
    sending.onabort = () => reject(signal?.aborted ? signal.reason : new NoAnswer());
  });
  sending.open("POST", path);
  sending.setRequestHeader("Authorization", `Bearer ${token}`);
  sending.responseType = "blob";
  signal?.addEventListener("abort", stop);
  wait();
  sending.send(form);
  return answered.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  });
}

/** What an answer holds: JSON, a file, or nothing. Throws Problem and NoAnswer. */
async function read(answer) {
  const kind = answer.headers.get("Content-Type") ?? "";
  try {
    const body = kind.includes("json") && !kind.includes("ndjson") ? await answer.json() : await answer.blob();
    if (answer.ok) return answer.status === 204 ? null : body;
    throw new Problem(answer.status, body instanceof Blob ? {} : body);
  } catch (error) {
    throw error instanceof Problem || error.name === "AbortError" ? error : new NoAnswer();
  }
}
