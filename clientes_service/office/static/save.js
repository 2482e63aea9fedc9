// Saving a client so that it never doubles, and that nobody's change is lost.

import { NoAnswer, call } from "./api.js";
import { CAMPO, asDatos, asTyped, changesOf } from "./campos.js";
import { isMineAlone, rebase } from "./conflict.js";
import { useLayoutEffect, useRef, useState } from "./parts.js";
import { isTold } from "./problem.js";

const NOBODY = asDatos(asTyped(null));

/**
 * Save `datos` over `cliente`, or as a new one where that is null: `{known, busy, problem, conflict, save, ...}`.
 * `onSaved` gets the answer of the service, or null where nothing was changed; `onFailed` the error. Both are called
 * even when the form was left meanwhile. `onRebased` gets values of `cliente` that changed under the form.
 */
export function useSave({ cliente, datos, onSaved, onFailed, onRebased }) {
  const [known, setKnown] = useState(cliente);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const [conflict, setConflict] = useState(null);
  const isSaving = useRef(false); // at once, where `busy` waits for the next view
  const key = useRef(null);
  const unanswered = useRef(null); // what was sent last, and may have been saved
  useLayoutEffect(() => {
    // Undone from the notice, or saved by an earlier form: that is no conflict with oneself.
    const taken = cliente && cliente !== known && rebase(known, datos, cliente);
    if (!taken) return;
    setKnown(cliente);
    onRebased(taken);
  }, [cliente]);

  const save = async (base, datos) => {
    if (isSaving.current) return;
    if (base && !Object.keys(changesOf(datos, base)).length) {
      onSaved(base === cliente ? null : { ...base, advertencias: [] });
      return;
    }
    isSaving.current = true;
    key.current ??= newKey();
    setBusy(true);
    setProblem(null);
    try {
      onSaved(await send(base, datos, key.current, unanswered.current));
    } catch (error) {
      if (!isTold(error)) throw error;
      if (error instanceof NoAnswer) unanswered.current = datos;
      if (error.code === "VERSION_OBSOLETA") setConflict({ mine: datos, base: base ?? NOBODY, now: error.body.actual });
      else setProblem(asShown(error, datos));
      onFailed(error);
    } finally {
      isSaving.current = false;
      setBusy(false);
    }
  };
  /** Save over what somebody else has saved meanwhile. */
  const saveOver = (datos) => {
    setConflict(null);
    setKnown(conflict.now);
    return save(conflict.now, datos);
  };
  /** Take a problem away from a field that is typed anew. */
  const forget = (name) => setProblem((problem) => problem && withoutField(problem, name));
  const giveUp = () => setConflict(null);
  return { known, busy, isSaving, problem, conflict, save: () => save(known, datos), saveOver, giveUp, forget };
}

/** 128 random bits; crypto.randomUUID is missing on plain http. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Save what was typed over `known` (null for a new client); the answer's body. `unanswered` is what was sent before.
 * Throws as `call` does.
 */
async function send(known, datos, key, unanswered) {
  if (known) {
    const headers = { "If-Match": `"${known.version}"` };
    try {
      return (await call("PUT", `/api/clientes/${known.id}`, { body: changesOf(datos, known), headers })).body;
    } catch (error) {
      if (error.code !== "VERSION_OBSOLETA") throw error;
      const { actual } = error.body;
      const isOwn = isMineAlone(known, datos, actual) || (unanswered && isSameDatos(actual, unanswered));
      if (!isOwn) throw error;
      return sendOver(actual, datos, key);
    }
  }
  try {
    const body = changesOf(datos, null);
    return (await call("POST", "/api/clientes", { body, headers: { "Idempotency-Key": key } })).body;
  } catch (error) {
    if (error.code !== "IDEMPOTENCIA_DISTINTA") throw error;
    // An earlier attempt, whose answer was lost, had been saved: what was typed since then is a change to that client.
    const { body: stored } = await call("GET", `/api/clientes/${error.body.existenteId}`);
    return sendOver(stored, datos, key);
  }
}

/** Save over a version that nobody has seen here, which may be what was typed already. */
async function sendOver(stored, datos, key) {
  return Object.keys(changesOf(datos, stored)).length ? send(stored, datos, key) : { ...stored, advertencias: [] };
}

function isSameDatos(one, other) {
  return !Object.keys(changesOf(asDatos(asTyped(one)), other)).length;
}

/** An error as the form shows it: `fields` at their places, `text` for what belongs to none. */
function asShown(error, datos) {
  const fields = error.fields ?? {};
  const isPlaced = Object.keys(fields).some((name) => name in CAMPO);
  const { code, body } = error;
  const text = isPlaced ? "" : error.message;
  return { error, code, body, datos, fields, text, isUnanswered: error instanceof NoAnswer };
}

function withoutField(problem, name) {
  const fields = { ...problem.fields, [name]: undefined };
  return { ...problem, code: name === "codigoCliente" ? "" : problem.code, fields };
}
