"""The answers of writes that may be repeated, each under the caller's key."""

WORDS = {"sqlite": {"sorted": ""}, "postgresql": {"sorted": 'COLLATE "C"'}}


def up(migrator, db):
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**WORDS[db.name]))


STATEMENTS = (
    """
    CREATE TABLE idempotencia (
        usuario TEXT {sorted} NOT NULL,
        ambito VARCHAR(12) {sorted} NOT NULL,
        clave VARCHAR(255) {sorted} NOT NULL,
        huella VARCHAR(64),
        status INTEGER NOT NULL,
        cuerpo TEXT,
        cliente_id BIGINT NOT NULL,
        creado BIGINT NOT NULL,
        PRIMARY KEY (usuario, ambito, clave)
    )
    """,
    "CREATE INDEX idempotencia_creado ON idempotencia (creado)",
    "CREATE INDEX idempotencia_cliente ON idempotencia (cliente_id)",
)
