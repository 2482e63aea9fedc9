// What a client is made of, in words for people, and what of it has been typed.

const TIPOS_CLIENTE = { PERSONA: "Persona", EMPRESA: "Empresa", OTRO: "Otro" };
const TIPOS_DOCUMENTO = { RUC: "RUC", DNI: "DNI", CE: "Carné de extranjería", OTRO: "Otro documento" };

/** The fields in the order of the form. `noun` is for sentences, `words` are the names of the values. */
export const CAMPOS = [
  { name: "nombre", label: "Nombre o razón social", noun: "el nombre", required: true },
  { name: "tipoCliente", label: "Tipo de cliente", noun: "el tipo de cliente", required: true, words: TIPOS_CLIENTE },
  {
    name: "tipoDocumento",
    label: "Tipo de documento",
    noun: "el tipo de documento",
    required: true,
    words: TIPOS_DOCUMENTO,
  },
  { name: "numeroDocumento", label: "Número de documento", noun: "el número de documento", required: true },
  { name: "codigoCliente", label: "Código de cliente", noun: "el código", required: true },
  { name: "direccion", label: "Dirección", noun: "la dirección" },
  { name: "telefono", label: "Teléfono", noun: "el teléfono" },
  { name: "email", label: "Correo", noun: "el correo" },
  { name: "contactoRepresentante", label: "Contacto o representante", noun: "el contacto" },
];

export const CAMPO = Object.fromEntries(CAMPOS.map((campo) => [campo.name, campo]));

/** A value as a person reads it; "" for none. */
export function inWords(name, value) {
  return CAMPO[name]?.words?.[value] ?? String(value ?? "");
}

/** What stands in the inputs for a client, or for none. */
export function asTyped(cliente) {
  return Object.fromEntries(CAMPOS.map(({ name }) => [name, cliente?.[name] ?? ""]));
}

/** What the inputs hold, as the API takes it: an empty field is null. */
export function asDatos(typed) {
  return Object.fromEntries(CAMPOS.map(({ name }) => [name, typed[name].trim() || null]));
}

/** The fields of `datos` that differ from a client's. */
export function changesOf(datos, cliente) {
  return Object.fromEntries(Object.entries(datos).filter(([name, value]) => value !== (cliente?.[name] ?? null)));
}
