// The roles, in words that say what each is for.

export const ROLES = {
  CONSULTA: { nombre: "Consulta", ayuda: "Solo mira: busca clientes y ve sus datos." },
  TECNICO: { nombre: "Técnico", ayuda: "Además crea, corrige y desactiva clientes." },
  OFICINA: { nombre: "Oficina", ayuda: "Además ve el historial, importa y exporta listas." },
  ADMIN: { nombre: "Administrador", ayuda: "Puede todo: también maneja usuarios y ve el estado del servicio." },
};
