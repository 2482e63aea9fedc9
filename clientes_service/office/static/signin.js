// Signing in: at the beginning, and when a session has ended in the middle of work.

import { signIn } from "./api.js";
import { Dialog, Field, html, useLayoutEffect, useState } from "./parts.js";
import { isTold } from "./problem.js";

function Form({ onSignedIn }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  useLayoutEffect(() => document.getElementById("dni").focus(), []); // at once, not while somebody types already

  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    const { dni, password } = Object.fromEntries(new FormData(event.target));
    const missing = {};
    if (!dni.trim()) missing.dni = "Escriba su DNI.";
    if (!password) missing.password = "Escriba su contraseña.";
    const [first] = Object.keys(missing);
    if (first) {
      setProblem({ fields: missing });
      document.getElementById(first).focus();
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      onSignedIn(await signIn(dni.trim(), password));
    } catch (error) {
      if (!isTold(error)) throw error;
      setProblem(error);
      const wrong = document.getElementById(error.fields?.dni ? "dni" : "password");
      wrong.select();
      wrong.focus();
    } finally {
      setBusy(false);
    }
  };
  const isPlaced = problem?.fields?.dni || problem?.fields?.password; // it stands at its field
  const isExternal = problem?.status === 404;
  return html`
    <form class="signin" onSubmit=${submit} novalidate>
      <${Field} id="dni" name="dni" label="DNI" inputmode="numeric" autocomplete="username" required
        error=${problem?.fields?.dni} />
      <${Field} id="password" name="password" type="password" label="Contraseña"
        autocomplete="current-password" required error=${problem?.fields?.password} />
      ${problem?.message && !isPlaced && html`
        <p class="error" role="alert">
          ${isExternal ? "Esta instalación usa las cuentas de otro sistema: entre desde allí." : problem.message}
        </p>
      `}
      <button class="primary" aria-disabled=${busy ? "true" : null}>${busy ? "Entrando…" : "Entrar"}</button>
    </form>
  `;
}

/** The first view. */
export function SignIn({ onSignedIn }) {
  return html`
    <main class="entrance">
      <h1>Clientes</h1>
      <${Form} onSignedIn=${onSignedIn} />
    </main>
  `;
}

/** The same over what the user was at, which stays as it is. */
export function SignInAgain({ onSignedIn, onLeave }) {
  const [error, setError] = useState(null);
  const leave = () =>
    onLeave().catch((error) => {
      if (!isTold(error)) throw error;
      setError(error);
    });
  return html`
    <${Dialog} title="Su sesión terminó" onClose=${() => {}}>
      <p>Entre otra vez y siga donde estaba: nada de lo que escribió se ha perdido.</p>
      <${Form} onSignedIn=${onSignedIn} />
      ${error && html`<p class="error" role="alert">No se pudo salir. ${error.message}</p>`}
      <button class="link" onClick=${leave}>Salir sin guardar</button>
    <//>
  `;
}
