// Importing a spreadsheet: choose it, see what it would do, do it.

import { NoAnswer, upload } from "./api.js";
import { Headings } from "./headings.js";
import { count, focusHeading, html, useEffect, useRef, useState, useTitle } from "./parts.js";
import { ProblemBox, isTold, mayBeDone } from "./problem.js";
import { Report, badRows } from "./report.js";
import { hold } from "./unsaved.js";

const LONG = 20_000; // milliseconds of work after which it is said that this may take a while
const MODOS = [
  ["crear", "Agregar clientes nuevos", "Si un código ya existe, esa fila se marca con error y el cliente no se toca."],
  ["upsert", "Agregar los nuevos y actualizar los que ya existen",
    "Se reconocen por su código. Una celda vacía no borra nada."],
  ["actualizar", "Solo actualizar los que ya existen", "Un código que nadie tiene se marca con error."],
];
// What a rehearsal shows after an import that was done, though its answer was lost.
const IF_DONE = {
  crear: "los códigos saldrán como ya usados",
  upsert: "todas las filas saldrán sin cambios",
  actualizar: "todas las filas saldrán sin cambios",
};

export function View({ tell, changed }) {
  useTitle("Importar clientes");
  const [file, setFile] = useState(null);
  const [modo, setModo] = useState("crear");
  const [step, setStep] = useState({ name: "choose" });
  const sending = useSending(setStep);
  const chosen = useRef(null);
  const result = useRef(); // null once the view is left
  const latest = useRef(modo);
  latest.current = modo; // which may change while a file is read
  useEffect(() => {
    if (document.activeElement.closest(".modos")) return; // arrow keys may go on to another one
    if (step.name === "choose") focusHeading();
    else result.current.focus();
  }, [step.name]);

  /** See what the file would do. */
  const rehearse = async (file, modo) => {
    const answer = await sending.start(`modo=${modo}&simular=true`, file, false);
    if (answer) setStep(answer.error ? { name: "refused", ...answer } : { name: "report", ...answer });
  };
  const choose = async (files) => {
    chosen.current = files;
    const kept = await keep(files);
    if (chosen.current !== files || sending.isReal()) return; // others were chosen, or the real run has begun
    setFile(kept.file ?? null);
    if (kept.file) rehearse(kept.file, latest.current);
    else setStep({ name: "refused", error: kept.error });
  };
  const change = (modo) => {
    setModo(modo);
    if (file) rehearse(file, modo);
  };
  const run = async () => {
    const parcial = badRows(step.report) > 0;
    const release = hold();
    const answer = await sending.start(`modo=${modo}&parcial=${parcial}`, file, true).finally(release);
    if (!answer?.error || answer.error instanceof NoAnswer) changed();
    if (!answer) return;
    if (answer.error && !result.current) tell(`La importación no terminó. ${answer.error.message}`);
    if (!answer.error) {
      tell(`Importación terminada: ${count(answer.report.creados, "cliente nuevo", "clientes nuevos")}, ` +
        `${count(answer.report.actualizados, "actualizado", "actualizados")}.`);
    }
    setStep(afterRun(answer));
  };
  const again = () => {
    setFile(null);
    setStep({ name: "choose" });
  };
  const stop = () => {
    sending.stop();
    again();
  };
  return html`
    <section class="import">
      <h1 tabindex="-1">Importar clientes</h1>
      ${step.name !== "done" && html`
        <${Choice} file=${file} modo=${modo} onChoose=${choose} onModo=${change} isReal=${step.isReal} />
      `}
      ${step.name === "choose" ? html`<${Headings} />` : html`
        <div class="card result" ref=${result} tabindex="-1" role="group" aria-label="Resultado">
          <${STEPS[step.name]} ...${step} modo=${modo} hasFile=${!!file} onRun=${run} onAgain=${again} onStop=${stop}
            onRehearse=${() => rehearse(file, modo)} />
        </div>
      `}
    </section>
  `;
}

/** What to show after the real run. */
function afterRun({ report, error }) {
  if (!error) return { name: "done", report };
  if (error instanceof NoAnswer) return { name: "lost" };
  return report && badRows(report) > 0 ? { name: "report", report, isLate: true } : { name: "refused", error };
}

/** A copy of the file, so that what is imported is what was rehearsed, whatever happens on the disk. */
async function keep(files) {
  if (files.length !== 1) return { error: { message: "Elija un archivo a la vez." } };
  const [chosen] = files;
  try {
    return { file: new File([await chosen.arrayBuffer()], chosen.name, { type: chosen.type }) };
  } catch {
    return { error: { message: "El archivo no se puede leer. Si está abierto en Excel, ciérrelo, y elíjalo otra vez." } };
  }
}

/** Send a file and follow it; what comes is `{report}`, `{report, error}` or `{error}`, or null where nobody waits. */
function useSending(setStep) {
  const running = useRef(null);
  useEffect(() => () => running.current?.isReal || running.current?.abort(), []);
  const stop = () => running.current?.abort();
  const start = async (query, file, isReal) => {
    stop();
    const own = Object.assign(new AbortController(), { isReal });
    running.current = own;
    const progress = (sent) => setStep({ name: "sending", sent, isReal });
    progress(0);
    try {
      const { body } = await upload(`/api/clientes/importar?${query}`, file, progress, { signal: own.signal });
      return { report: body };
    } catch (error) {
      if (own.signal.aborted) return null;
      if (!isTold(error)) throw error;
      return { error, report: error.code === "IMPORTACION_RECHAZADA" ? error.body : null };
    } finally {
      if (running.current === own) running.current = null;
    }
  };
  return { start, stop, isReal: () => !!running.current?.isReal };
}

/** While the real run goes on, nothing else can be chosen. */
function Choice({ file, modo, onChoose, onModo, isReal }) {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const hold = (event) => event.preventDefault(); // a file that falls beside must not replace the page
    for (const name of ["dragover", "drop"]) addEventListener(name, hold);
    return () => ["dragover", "drop"].forEach((name) => removeEventListener(name, hold));
  }, []);
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    if (!isReal && event.dataTransfer.files.length) onChoose(event.dataTransfer.files);
  };
  const pick = ({ target }) => {
    const files = [...target.files];
    target.value = ""; // so that the same file can be chosen again once it is corrected
    if (files.length) onChoose(files);
  };
  return html`
    <div class=${`card drop${isOver ? " over" : ""}`} onDrop=${drop} onDragOver=${() => setOver(true)}
      onDragLeave=${() => setOver(false)}>
      <p>
        ${file ? html`<strong><bdi class="name">${file.name}</bdi></strong>`
          : "Arrastre aquí su archivo de Excel (.xlsx) o CSV, o elíjalo. Primero se prueba: nada se guarda todavía."}
      </p>
      <input type="file" id="archivo" class="visually-hidden" accept=".xlsx,.csv,.txt,.xls,.ods" disabled=${isReal}
        onChange=${pick} />
      <label for="archivo" class=${`button${file ? "" : " primary"}`}>
        ${file ? "Elegir otro archivo, o el mismo ya corregido" : "Elegir archivo"}
      </label>
    </div>
    <fieldset class="card modos" disabled=${isReal}>
      <legend>¿Qué hacer con las filas?</legend>
      ${MODOS.map(([value, label, help]) => html`
        <div key=${value}>
          <input type="radio" name="modo" id=${`modo-${value}`} checked=${modo === value}
            aria-describedby=${`modo-${value}-help`} onChange=${() => onModo(value)} />
          <label for=${`modo-${value}`}>${label}</label>
          <p class="help" id=${`modo-${value}-help`}>${help}</p>
        </div>
      `)}
    </fieldset>
  `;
}

function Sending({ sent, isReal, onStop }) {
  const [isLong, setLong] = useState(false);
  const isSent = sent >= 1;
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), LONG);
    return () => clearTimeout(timer);
  }, [isSent]);
  const percent = Math.round(sent * 100);
  const doing = isReal ? "Trabajando: se guardan los clientes…" : "Trabajando: se revisan las filas…";
  return html`
    <div class="sending">
      <p role="status">${isSent ? doing : "Enviando el archivo…"}</p>
      ${isSent ? html`<progress aria-label="Trabajando"></progress>`
        : html`<progress aria-label="Enviado" max="100" value=${percent}></progress> ${percent} %`}
      ${isLong && html`<p class="quiet">Sigue en marcha. Un archivo grande puede tardar unos minutos.</p>`}
      ${!isReal && html`<div class="actions"><button onClick=${onStop}>Cancelar</button></div>`}
    </div>
  `;
}

function Refused({ error, hasFile, onRehearse }) {
  return html`
    <h2>El archivo no se importó</h2>
    <${ProblemBox} error=${error} onRetry=${hasFile && mayBeDone(error) ? onRehearse : null}>
      <p>No se guardó nada.</p>
    <//>
    <${Headings} />
  `;
}

function Lost({ modo, onRehearse }) {
  return html`
    <h2>No llegó la respuesta</h2>
    <div class="box-warning" role="alert">
      <p>No se sabe si el archivo se importó. Puede repetirlo sin riesgo: cada cliente se reconoce por su código, y
        nada se crea dos veces.</p>
      <p>Pruebe el archivo otra vez. Si ya se había importado, ${IF_DONE[modo]}.</p>
    </div>
    <div class="actions">
      <button class="primary" onClick=${onRehearse}>Probar otra vez</button>
      <a class="button" href="#/">Ver la lista</a>
    </div>
  `;
}

function Done({ report, onAgain }) {
  return html`
    <h2>Importación terminada</h2>
    <${Report} report=${report} isDone />
    <div class="actions">
      <a class="button primary" href="#/">Ver la lista</a>
      <button onClick=${onAgain}>Importar otro archivo</button>
    </div>
  `;
}

/** The rehearsal; `isLate`, where the real run found other data than it. */
function Rehearsed({ report, isLate, modo, onRun }) {
  const good = report.creados + report.actualizados;
  const bad = badRows(report);
  return html`
    <h2>Prueba: así quedaría</h2>
    ${isLate && html`
      <p class="box-warning" role="alert">No se guardó nada: los datos cambiaron después de la prueba. Revise otra vez.</p>
    `}
    <${Report} report=${report} isCrear=${modo === "crear"} />
    ${good > 0 ? html`
      <div class="actions">
        <button class=${bad ? "" : "primary"} onClick=${onRun}>
          ${bad ? `Importar sin las filas con errores (${count(good, "cliente", "clientes")})` : "Importar ahora"}
        </button>
      </div>
    ` : html`<p><strong>No hay nada que importar.</strong></p>`}
  `;
}

const STEPS = { sending: Sending, report: Rehearsed, refused: Refused, lost: Lost, done: Done };
