"""One line for every change of a client."""

WORDS = {
    "sqlite": {"key": "INTEGER NOT NULL PRIMARY KEY", "sorted": ""},
    "postgresql": {"key": "BIGINT NOT NULL PRIMARY KEY", "sorted": 'COLLATE "C"'},
}


def up(migrator, db):
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**WORDS[db.name]))


STATEMENTS = (
    """
    CREATE TABLE historial (
        version {key},
        epoca VARCHAR(8) NOT NULL,
        cliente_id BIGINT NOT NULL,
        accion VARCHAR(12) NOT NULL,
        usuario_id BIGINT,
        usuario_externo TEXT,
        usuario_nombre TEXT,
        origen VARCHAR(12) NOT NULL,
        fecha VARCHAR(24) {sorted} NOT NULL,
        cambios TEXT NOT NULL
    )
    """,
    "CREATE INDEX historial_cliente ON historial (cliente_id, version)",
)
