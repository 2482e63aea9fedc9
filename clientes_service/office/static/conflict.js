// Two people changed the same client: both versions side by side, and for each field a choice.

import { CAMPOS, inWords } from "./campos.js";
import { bare } from "./documento.js";
import { Dialog, html, useState } from "./parts.js";

// Kind and number of a document are one choice: half of each would be nobody's document.
const DOCUMENTO = ["tipoDocumento", "numeroDocumento"];
const GROUPS = CAMPOS.filter(({ name }) => name !== "numeroDocumento").map(({ name, label }) =>
  name === "tipoDocumento" ? { label: "Documento", names: DOCUMENTO } : { label, names: [name] },
);
const REMARKS = {
  mine: "Solo usted lo cambió.",
  theirs: "Solo lo cambió la otra persona.",
  both: "Lo cambiaron los dos: mire y elija.",
};

/**
 * What differs between what was typed and what is stored now, both changed since `base`:
 * `[{label, names, changedBy: "mine" | "theirs" | "both"}]`.
 */
function compare(base, mine, now) {
  return GROUPS.filter(({ names }) => !isSame(names, mine, now)).map((group) => ({
    ...group,
    changedBy: isSame(group.names, base, now) ? "mine" : isSame(group.names, base, mine) ? "theirs" : "both",
  }));
}

/** Whether the data that differ were changed here alone, so that there is nothing to choose. */
export function isMineAlone(base, mine, now) {
  return base.vigente === now.vigente && compare(base, mine, now).every(({ changedBy }) => changedBy === "mine");
}

/** The values to take from `now` where only those changed; null where both sides changed the same. */
export function rebase(base, mine, now) {
  const differences = compare(base, mine, now);
  if (differences.some(({ changedBy }) => changedBy === "both")) return null;
  const names = differences.filter(({ changedBy }) => changedBy === "theirs").flatMap(({ names }) => names);
  return Object.fromEntries(names.map((name) => [name, now[name] ?? ""]));
}

/** What is to be saved: for each difference the version that was chosen, by its place. */
function merge(differences, choices, mine, now) {
  const datos = Object.fromEntries(CAMPOS.map(({ name }) => [name, now[name]]));
  differences.forEach(({ names }, place) => {
    if (choices[place] === "mine") for (const name of names) datos[name] = mine[name];
  });
  return datos;
}

function isSame(names, one, other) {
  return names.every((name) => comparable(name, one) === comparable(name, other));
}

function comparable(name, datos) {
  const value = datos[name] ?? "";
  return name === "numeroDocumento" ? bare(datos.tipoDocumento, value) : value;
}

/** `onChosen` gets what is to be saved over `now`. */
export function Conflict({ base, mine, now, onChosen, onClose }) {
  const differences = compare(base, mine, now);
  const [choices, setChoices] = useState(() =>
    differences.map(({ changedBy }) => (changedBy === "theirs" ? "theirs" : "mine")),
  );
  const choose = (place, choice) => setChoices(choices.map((old, at) => (at === place ? choice : old)));
  const submit = (event) => {
    event.preventDefault();
    onChosen(merge(differences, choices, mine, now));
  };
  return html`
    <${Dialog} title="Este cliente cambió mientras usted escribía" wide onClose=${onClose}>
      <form class="conflict" onSubmit=${submit}>
        <p>Se guardaron otros cambios. Elija con qué quedarse en cada dato.</p>
        ${base.vigente && !now.vigente && html`
          <p class="box-warning">
            Además se desactivó: ya no sale en la lista. Puede guardar igual, y restaurarlo después.
          </p>
        `}
        ${base.vigente === false && now.vigente && html`
          <p class="box-warning">Además se restauró: ya sale en la lista.</p>
        `}
        ${differences.map((difference, place) => html`
          <${Difference} key=${difference.label} ...${difference} mine=${mine} now=${now} place=${place}
            choice=${choices[place]} onChoose=${(choice) => choose(place, choice)} />
        `)}
        <div class="actions">
          <button class="primary">Guardar lo elegido</button>
          <button type="button" onClick=${onClose}>Volver al formulario</button>
        </div>
      </form>
    <//>
  `;
}

function Difference({ label, names, changedBy, mine, now, place, choice, onChoose }) {
  const side = (which, heading, datos) => html`
    <label class="side">
      <input type="radio" name=${`conflict-${place}`} checked=${choice === which} onChange=${() => onChoose(which)} />
      <span class="heading">${heading}</span>
      <${Value} names=${names} datos=${datos} />
    </label>
  `;
  return html`
    <fieldset class=${`difference ${changedBy}`}>
      <legend>${label} <span class="remark">${REMARKS[changedBy]}</span></legend>
      ${side("mine", changedBy === "theirs" ? "Usted tenía" : "Usted escribió", mine)}
      ${side("theirs", changedBy === "mine" ? "Ahora dice" : "Ahora dice (lo cambió otra persona)", now)}
    </fieldset>
  `;
}

function Value({ names, datos }) {
  const text = names.map((name) => inWords(name, datos[name])).filter(Boolean).join(" ");
  return text ? html`<bdi class="name">${text}</bdi>` : html`<span class="quiet">(vacío)</span>`;
}
