"""In place of FTS5 a bitmap of ids for each token (`db/text_index.py`); the index is filled as from the start."""


def up(migrator, db):
    if db.name == "sqlite":
        for statement in STATEMENTS:
            db.execute_sql(statement)


# Of the first `hasta` clients the bitmaps have the texts as they are, or as they were when they were put aside.
STATEMENTS = (
    "DROP TRIGGER busqueda_fts_removed",
    "DROP TRIGGER busqueda_fts_added",
    "DROP TABLE busqueda_fts_gramas",
    "DROP TABLE busqueda_fts",
    "DROP VIEW busqueda_fts_textos",
    "DROP TABLE busqueda_fts_limite",
    "CREATE TABLE busqueda_limite (id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), hasta BIGINT NOT NULL)",
    "INSERT INTO busqueda_limite (id, hasta) VALUES (1, 0)",
    """
    CREATE TABLE busqueda_gramas (
        bloque INTEGER NOT NULL, grama TEXT NOT NULL, ids BLOB NOT NULL, PRIMARY KEY (bloque, grama)
    ) WITHOUT ROWID, STRICT
    """,
    "CREATE TABLE busqueda_cambios (id INTEGER NOT NULL PRIMARY KEY, clave INTEGER NOT NULL, texto TEXT NOT NULL)",
    """
    CREATE TRIGGER busqueda_changed AFTER UPDATE ON busqueda
    WHEN abs(old.clave) <= (SELECT hasta FROM busqueda_limite)
    BEGIN
        INSERT OR IGNORE INTO busqueda_cambios (id, clave, texto) VALUES (abs(old.clave), old.clave, old.texto);
    END
    """,
)
