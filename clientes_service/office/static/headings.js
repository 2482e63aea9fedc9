// Which columns a spreadsheet may have.

import { html } from "./parts.js";

/** The fields, as an office calls them, with headings that are understood. */
export const COLUMNS = [
  { field: "codigoCliente", label: "Código", headings: "Código, Cód. cliente, Código de cliente", isRequired: true },
  { field: "nombre", label: "Nombre", headings: "Nombre, Razón social, Nombres y apellidos, Cliente", isRequired: true },
  { field: "tipoCliente", label: "Tipo de cliente", headings: "Tipo de cliente, Tipo de persona", isRequired: true,
    help: "PERSONA, EMPRESA u OTRO" },
  { field: "tipoDocumento", label: "Tipo de documento", headings: "Tipo de documento, Tipo doc.", isRequired: true,
    help: "RUC, DNI, CE u OTRO. No hace falta si el encabezado del número es RUC, DNI, CE o RUC / DNI" },
  { field: "numeroDocumento", label: "Documento", headings: "Número de documento, N° documento, RUC, DNI, CE, RUC / DNI",
    isRequired: true },
  { field: "direccion", label: "Dirección", headings: "Dirección, Domicilio, Dirección fiscal" },
  { field: "telefono", label: "Teléfono", headings: "Teléfono, Celular, Teléfono / Celular, WhatsApp" },
  { field: "email", label: "Correo", headings: "Correo, Correo electrónico, E-mail" },
  { field: "contactoRepresentante", label: "Contacto", headings: "Contacto, Representante, Persona de contacto" },
];

/** The same to read, and a sheet to begin with. */
export function Headings() {
  return html`
    <div class="card">
      <p>Cada cliente necesita código, nombre, tipo de cliente (EMPRESA, PERSONA u OTRO) y documento. Si su lista no tiene
        códigos, agregue la columna «Código», escriba CLI0001 en la primera fila y arrastre la esquina de la celda hacia
        abajo: Excel sigue la serie.</p>
      <p><a href="/oficina/plantilla.xlsx" download="plantilla-clientes.xlsx">Descargar una plantilla de Excel</a></p>
      <details>
        <summary>¿Qué columnas debe tener el archivo?</summary>
        <p>La primera fila lleva los encabezados, en cualquier orden, con o sin tildes. Otras columnas no molestan: no se
          usan.</p>
        <div class="scroll" role="region" aria-label="Columnas" tabindex="0">
          <table>
            <thead>
              <tr><th scope="col">Dato</th><th scope="col">Encabezados que se entienden</th></tr>
            </thead>
            <tbody>
              ${COLUMNS.map(({ field, label, headings, isRequired, help }) => html`
                <tr key=${field}>
                  <th scope="row">${label}${isRequired && html` <span class="required">(obligatorio)</span>`}</th>
                  <td>${headings}${help && html`<br /><span class="quiet">${help}.</span>`}</td>
                </tr>
              `)}
            </tbody>
          </table>
        </div>
      </details>
    </div>
  `;
}
