// Documents of Peru while they are typed: what is missing, and what looks wrong. The rules are those of
// clientes/documento.py; the service decides.

const WEIGHTS = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2];
const DIGITS = { RUC: 11, DNI: 8 };
const LONGEST = { CE: [12, "letras o dígitos"], OTRO: [30, "caracteres"] };

/** Drop spaces, hyphens and dashes of any kind, and what comes unseen with a pasted number. */
export function compact(text) {
  return text.replace(/[\p{Zs}\p{Pd}\p{Cf}\u2212\u2043]/gu, "");
}

/** A number as it is compared: for OTRO, spaces and hyphens count. */
export function bare(tipo, numero) {
  return tipo === "OTRO" ? numero.trim() : compact(numero).toUpperCase();
}

/** The check digit that belongs to the first ten digits of a RUC (SUNAT, modulus 11; 10 → 0, 11 → 1). */
export function checkDigit(ruc) {
  const weighted = WEIGHTS.reduce((sum, weight, place) => sum + weight * Number(ruc[place]), 0);
  return (11 - (weighted % 11)) % 10;
}

/** Whether an 11-digit RUC ends in its check digit. */
export function hasValidCheckDigit(ruc) {
  return checkDigit(ruc) === Number(ruc[10]);
}

/** Whether a number has the format of its kind, so that it is worth looking for. */
export function isWhole(tipo, numero) {
  const text = bare(tipo, numero);
  if (tipo in DIGITS) return new RegExp(`^[0-9]{${DIGITS[tipo]}}$`).test(text);
  if (tipo === "CE") return /^[0-9A-Z]{1,12}$/.test(text);
  return tipo === "OTRO" && text !== "" && [...text].length <= 30;
}

/** The other document of the same person: the DNI inside a RUC that begins with 10, or that RUC; else null. */
export function counterpart(tipo, numero) {
  if (!isWhole(tipo, numero)) return null;
  const text = bare(tipo, numero);
  if (tipo === "RUC" && text.startsWith("10")) return { tipo: "DNI", numero: text.slice(2, 10) };
  if (tipo === "DNI") return { tipo: "RUC", numero: `10${text}${checkDigit(`10${text}`)}` };
  return null;
}

/** What to tell somebody who types: `{count, fact, warning}`, each "" where there is nothing to say. */
export function explain(tipo, numero) {
  const text = bare(tipo, numero);
  const length = [...text].length;
  if (tipo in LONGEST) {
    const [longest, of] = LONGEST[tipo];
    return { count: `${length} de hasta ${longest} ${of}`, fact: "", warning: "" };
  }
  if (!(tipo in DIGITS)) return { count: "", fact: "", warning: "" };
  const count = `${length} de ${DIGITS[tipo]} dígitos`;
  if (!/^[0-9]*$/.test(text)) return { count, fact: "", warning: `El ${tipo} lleva solo dígitos.` };
  return { count, ...(tipo === "RUC" ? explainRuc(text) : explainDni(text)) };
}

function explainRuc(ruc) {
  if (ruc.length > 11) return { fact: "", warning: surplus(ruc.length - 11) };
  if (ruc.length < 11) return { fact: "", warning: "" };
  const last = checkDigit(ruc);
  return {
    fact: ruc.startsWith("10") ? `Es el RUC de una persona: contiene su DNI, ${ruc.slice(2, 10)}.` : "",
    warning: last === Number(ruc[10]) ? "" : `Algún dígito no es correcto (el último sería ${last}): compárelo con la ficha RUC.`,
  };
}

function explainDni(dni) {
  if (dni.length === 11) return { fact: "", warning: "Tiene 11 dígitos: ¿es un RUC? Cambie el tipo de documento." };
  return { fact: "", warning: dni.length > 8 ? surplus(dni.length - 8) : "" };
}

function surplus(count) {
  return count === 1 ? "Sobra 1 dígito." : `Sobran ${count} dígitos.`;
}
