// Signing in: at the beginning, and when a session has ended in the middle of work.

import { signIn } from "./api.js";
import { Dialog, Field, html, useEffect, useState } from "./parts.js";

function Form({ onSignedIn }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  useEffect(() => document.getElementById("dni").focus(), []);

  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(null);
    const form = new FormData(event.target);
    try {
      onSignedIn(await signIn(form.get("dni").trim(), form.get("password")));
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const isExternal = problem?.status === 404;
  return html`
    <form class="signin" onSubmit=${submit} novalidate>
      <${Field} id="dni" name="dni" label="DNI" inputmode="numeric" autocomplete="username" required
        error=${problem?.fields?.dni} />
      <${Field} id="password" name="password" type="password" label="Contraseña"
        autocomplete="current-password" required error=${problem?.fields?.password} />
      ${problem && html`
        <p class="error" role="alert">
          ${isExternal ? "Esta instalación usa las cuentas de otro sistema: entre desde allí." : problem.message}
        </p>
      `}
      <button class="primary" disabled=${busy}>${busy ? "Entrando…" : "Entrar"}</button>
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
  return html`
    <${Dialog} title="Su sesión terminó" onClose=${() => {}}>
      <p>Entre otra vez y siga donde estaba: nada de lo que escribió se ha perdido.</p>
      <${Form} onSignedIn=${onSignedIn} />
      <button class="link" onClick=${onLeave}>Salir sin guardar</button>
    <//>
  `;
}
