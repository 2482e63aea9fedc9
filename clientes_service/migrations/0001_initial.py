"""Clients with their version counter; users, their sessions and failed sign-ins."""

import secrets


def up(migrator, db):
    for statement in STATEMENTS:
        db.execute_sql(statement)
    # The epoch names this database's life: a version number is only comparable within one.
    db.execute_sql("INSERT INTO contador (id, epoca, valor) VALUES (1, ?, 0)", (secrets.token_hex(4),))


STATEMENTS = (
    """
    CREATE TABLE contador (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        epoca VARCHAR(8) NOT NULL,
        valor BIGINT NOT NULL
    )
    """,
    """
    CREATE TABLE cliente (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        nombre VARCHAR(150) NOT NULL,
        nombre_orden TEXT NOT NULL,
        tipo_cliente VARCHAR(10) NOT NULL,
        tipo_documento VARCHAR(10) NOT NULL,
        numero_documento VARCHAR(30) NOT NULL,
        documento_clave TEXT NOT NULL,
        codigo_cliente VARCHAR(50) NOT NULL,
        codigo_clave VARCHAR(50) NOT NULL,
        direccion VARCHAR(200),
        telefono VARCHAR(30),
        email VARCHAR(254),
        contacto_representante VARCHAR(150),
        vigente BOOLEAN NOT NULL,
        epoca VARCHAR(8) NOT NULL,
        version BIGINT NOT NULL,
        fecha_creacion VARCHAR(24) NOT NULL,
        fecha_modificacion VARCHAR(24) NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX cliente_codigo_clave ON cliente (codigo_clave)",
    "CREATE UNIQUE INDEX cliente_version ON cliente (version)",
    "CREATE INDEX cliente_documento_clave ON cliente (documento_clave)",
    "CREATE INDEX cliente_vigente ON cliente (vigente, id)",
    """
    CREATE TABLE usuario (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        dni VARCHAR(8) NOT NULL,
        nombre VARCHAR(150) NOT NULL,
        email VARCHAR(254) NOT NULL,
        rol VARCHAR(10) NOT NULL,
        password_hash VARCHAR(255) NOT NULL,
        vigente BOOLEAN NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX usuario_dni ON usuario (dni)",
    """
    CREATE TABLE sesion (
        id VARCHAR(32) NOT NULL PRIMARY KEY,
        usuario_id INTEGER NOT NULL REFERENCES usuario (id) ON DELETE CASCADE,
        generacion INTEGER NOT NULL,
        expira BIGINT NOT NULL
    )
    """,
    "CREATE INDEX sesion_usuario_id ON sesion (usuario_id)",
    "CREATE INDEX sesion_expira ON sesion (expira)",
    """
    CREATE TABLE intento (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        clave VARCHAR(64) NOT NULL,
        fecha BIGINT NOT NULL
    )
    """,
    "CREATE INDEX intento_clave ON intento (clave, fecha)",
    "CREATE INDEX intento_fecha ON intento (fecha)",
)
