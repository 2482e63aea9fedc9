// Calls of the public API, and the session that they need. Nothing here knows the page.
//
// The access token is in memory alone. The refresh token is in a cookie that no script can read: it brings the
// session back after a reload, and serves all tabs, which renew by turns.

const PATIENCE = 15_000; // milliseconds without an answer
const FILE_PATIENCE = 300_000; // the same for a file, from the last that was sent of it
const RENEWALS = 2; // of the session, for one call
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
let page = null; // what the page does for a session
let isOver = false; // somebody signed out in another tab: what the cookie holds now is not this tab's
const tabs = new BroadcastChannel("clientes-session");

/**
 * Say what the page does for a session. `askAgain`, where one has ended in the middle of work: a promise that is kept
 * once there is a new one. `onRenewed` gets who is signed in, whose name or role may have changed. `onLeft`, where
 * somebody signed out in another tab.
 */
export function onSession({ askAgain, onRenewed, onLeft }) {
  page = { askAgain, onRenewed };
  tabs.onmessage = () => {
    isOver = true;
    onLeft();
  };
}

/** Begin a session; return who signed in: `{nombre, email, rol}`. Throws Problem and NoAnswer. */
export function signIn(dni, password) {
  const body = { dni, password };
  return byTurns(async () => begin(await read(await send("POST", "/auth", { body, headers: IN_COOKIE }))));
}

/** Go on with the session of before a reload; null where there is none. Throws Problem and NoAnswer. */
export async function resume() {
  const pair = await refresh();
  return pair && begin(pair);
}

/** End the session, here and in the other tabs. Throws Problem and NoAnswer. */
export async function signOut() {
  if (isOver) return;
  const logout = (headers) => send("POST", "/auth/logout", { headers: { ...IN_COOKIE, ...headers } });
  await byTurns(async () => {
    let answer = await logout(); // by the cookie: the token may be too old
    if (answer.status === 401) answer = await logout(bearer()); // on plain http there is none
    if (answer.status !== 401) await read(answer);
  });
  tabs.postMessage("left");
}

/**
 * Call the API. Returns `{status, body, headers}`; throws Problem for an answer of 400 or more, NoAnswer where none
 * comes, and an AbortError after `signal`. Where the session has ended, the user signs in again and the call goes on.
 */
export function call(method, path, { body, headers, signal, patience } = {}) {
  return inSession(() => send(method, path, { body, headers: { ...bearer(), ...headers }, signal, patience }));
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
export function upload(path, file, progress, { signal } = {}) {
  return inSession(() => sendFile(path, file, progress, signal));
}

/** Send something, and again with a new token where the one it was sent with has ended. */
async function inSession(act) {
  for (let renewals = 0; ; renewals += 1) {
    const used = token;
    const answer = await act();
    if (answer.status !== 401 || renewals === RENEWALS) {
      return { status: answer.status, body: await read(answer), headers: answer.headers };
    }
    if (used === token) await renew();
  }
}

function begin(pair) {
  token = pair.token;
  isOver = false;
  return { nombre: pair.nombre, email: pair.email, rol: pair.rol };
}

function bearer() {
  return { Authorization: `Bearer ${token}` };
}

/** The next pair of tokens; null where the session has ended. */
async function refresh() {
  const answer = await byTurns(() => send("POST", "/auth/refresh", { headers: IN_COOKIE }));
  return answer.status === 401 ? null : read(answer);
}

/** Get a new token, once for all who wait for it. What somebody has begun in this tab, nobody else goes on with. */
function renew() {
  renewing ??= (async () => {
    const pair = await refresh();
    if (pair && subject(pair.token) === subject(token)) page.onRenewed(begin(pair));
    else await page.askAgain();
  })().finally(() => {
    renewing = null;
  });
  return renewing;
}

/** Whom a token belongs to (RFC 7519 §4.1.2). */
function subject(jwt) {
  return JSON.parse(atob(jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).sub;
}

/** Tabs share the cookie, and a refresh token that is used twice ends its session: so one renews after the other. */
function byTurns(act) {
  return navigator.locks ? navigator.locks.request("clientes-session", act) : act();
}

async function send(method, path, { body, headers = {}, signal, patience = PATIENCE }) {
  const json = body === undefined ? {} : { "Content-Type": "application/json" };
  const limit = limited(patience, signal);
  try {
    return await fetch(path, {
      method,
      headers: { ...json, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "same-origin",
      signal: limit,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new NoAnswer();
  }
}

/** A signal that comes after `patience`, and with `signal`. The browsers of old laptops have no AbortSignal.any. */
function limited(patience, signal) {
  const either = new AbortController();
  for (const one of [AbortSignal.timeout(patience), signal]) {
    if (one?.aborted) either.abort(one.reason);
    one?.addEventListener("abort", () => either.abort(one.reason));
  }
  return either.signal;
}

function sendFile(path, file, progress, signal) {
  signal?.throwIfAborted(); // meanwhile, as when the session was renewed
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
  sending.setRequestHeader("Authorization", bearer().Authorization);
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
