// How the service stands, for ADMIN.

import { call } from "./api.js";
import { Ago, NUMBER, count, html, useEffect, useTitle } from "./parts.js";
import { ProblemBox, useLoaded } from "./problem.js";

const HOURS = 3_600_000;
const OLD = 26; // hours: a copy each night, and some patience
const TIGHT = 1e9; // bytes
const SHORT = new Intl.NumberFormat("es-PE", { maximumSignificantDigits: 3 });
const SIZES = [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];

function size(bytes) {
  const [unit, name] = SIZES.find(([unit]) => bytes >= unit) ?? [1, "bytes"];
  return `${SHORT.format(bytes / unit)} ${name}`;
}

export function View({ tell }) {
  useTitle("Estado del servicio");
  const { value: estado, error, load } = useLoaded(async (told) => {
    const { body } = await call("GET", "/api/servicio");
    if (told) tell(told);
    return body;
  });
  useEffect(() => void load(), []);
  return html`
    <div class="title">
      <h1 tabindex="-1">Estado del servicio</h1>
      <button onClick=${() => load("Así está ahora.")}>Actualizar</button>
    </div>
    ${error && html`<${ProblemBox} error=${error} onRetry=${() => load()} />`}
    ${!estado && !error && html`<p class="waiting" role="status">Cargando…</p>`}
    ${estado && html`<${Estado} ...${estado} />`}
  `;
}

function Estado({ version, baseDeDatos, ultimoRespaldo, espacioLibre, clientes, usuarios }) {
  const isFile = baseDeDatos.bytes !== null;
  return html`
    ${isFile && html`<${BackupAdvice} respaldo=${ultimoRespaldo} />`}
    ${espacioLibre !== null && espacioLibre < TIGHT && html`
      <div class="box-warning" role="status">
        Queda poco espacio en el disco. Si se llena, no se podrá guardar nada: pida a quien opera el servicio que haga sitio.
      </div>
    `}
    <dl class="facts card">
      <dt>Último respaldo</dt>
      <dd><${Backup} isFile=${isFile} respaldo=${ultimoRespaldo} /></dd>
      <dt>Clientes</dt>
      <dd>
        ${count(clientes.vigentes, "activo", "activos")} y
        ${" "}${count(clientes.total - clientes.vigentes, "inactivo", "inactivos")}
      </dd>
      <dt>Usuarios que pueden entrar</dt><dd>${NUMBER.format(usuarios.vigentes)}</dd>
      ${isFile && html`<dt>Tamaño de los datos</dt><dd>${size(baseDeDatos.bytes)}</dd>`}
      ${espacioLibre !== null && html`<dt>Espacio libre en el disco</dt><dd>${size(espacioLibre)}</dd>`}
      <dt>Base de datos</dt><dd>${ENGINES[baseDeDatos.motor] ?? baseDeDatos.motor} ${baseDeDatos.version}</dd>
      <dt>Versión del servicio</dt><dd>${version}</dd>
    </dl>
    <h2>Para quien opera el servicio</h2>
    <ul>
      <li><a href="/docs">Documentación de la API</a>, para conectar otros programas.</li>
      <li>
        Vigilancia con Prometheus: <a href="/metrics">/metrics</a> se abre en la misma máquina, o con la clave
        de <code>CLIENTES_METRICS_TOKEN</code>. Los ejemplos están en el README, en «Metrics».
      </li>
    </ul>
  `;
}

const ENGINES = { sqlite: "SQLite", postgresql: "PostgreSQL" };

function Backup({ isFile, respaldo }) {
  if (!isFile) return "Lo hace PostgreSQL con sus propias herramientas (pg_dump); desde aquí no se ve.";
  if (!respaldo) return "Ninguno";
  return html`<${Ago} fecha=${respaldo.fecha} />; ${size(respaldo.bytes)}`;
}

function BackupAdvice({ respaldo }) {
  const isOld = respaldo && Date.now() - new Date(respaldo.fecha) > OLD * HOURS;
  if (respaldo && !isOld) return null;
  return html`
    <div class="box-warning" role="status">
      <strong>${isOld ? "El último respaldo ya es antiguo." : "No se encuentra ningún respaldo."}</strong> Si el disco
      fallara, se perdería ${isOld ? "lo anotado desde entonces" : "todo"}. Pida a quien opera el servicio que ejecute${" "}
      <code>clientes-service backup</code>, y que lo programe para cada noche. Los respaldos que se guardan en otra
      carpeta no se ven desde aquí.
    </div>
  `;
}
