"""An index of the service's own tokens (`db/grams.py`) in place of FTS5's trigrams; it is filled as from the start."""


def up(migrator, db):
    if db.name == "sqlite":
        for statement in STATEMENTS:
            db.execute_sql(statement)


# What is part of a token besides letters and digits: all but white space. The first six are those of the kinds; quotes
# are written as SQL and FTS5 take them for themselves.
CHARACTERS = "\x01\x02\x03\x04\x05\x06" + "!#$%&()*+,-./:;<=>?@[\\]^_`{|}~" + '""' + "''''"

# Of a text that keeps its key those tokens change that the other one has not.
STATEMENTS = (
    "DROP TRIGGER busqueda_fts_removed",
    "DROP TRIGGER busqueda_fts_added",
    "DROP TABLE busqueda_fts_gramas",
    "DROP TABLE busqueda_fts",
    "UPDATE busqueda_fts_limite SET hasta = 0",
    """
    CREATE VIEW busqueda_fts_textos AS
    SELECT clave, gramas(texto) AS gramas FROM busqueda WHERE abs(clave) <= (SELECT hasta FROM busqueda_fts_limite)
    """,
    f"""
    CREATE VIRTUAL TABLE busqueda_fts USING fts5 (
        gramas, content='busqueda_fts_textos', content_rowid='clave', columnsize=0, detail=none,
        tokenize="ascii tokenchars '{CHARACTERS}'"
    )
    """,
    "CREATE VIRTUAL TABLE busqueda_fts_gramas USING fts5vocab (busqueda_fts, instance)",
    """
    CREATE TRIGGER busqueda_fts_removed BEFORE UPDATE ON busqueda
    WHEN abs(old.clave) <= (SELECT hasta FROM busqueda_fts_limite)
    BEGIN
        INSERT INTO busqueda_fts (busqueda_fts, rowid, gramas)
        VALUES ('delete', old.clave, gramas(old.texto, iif(old.clave = new.clave, new.texto, '')));
    END
    """,
    """
    CREATE TRIGGER busqueda_fts_added AFTER UPDATE ON busqueda
    WHEN abs(new.clave) <= (SELECT hasta FROM busqueda_fts_limite)
    BEGIN
        INSERT INTO busqueda_fts (rowid, gramas)
        VALUES (new.clave, gramas(new.texto, iif(old.clave = new.clave, old.texto, '')));
    END
    """,
)
