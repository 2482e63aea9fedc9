"""The text that searches look in, by the client's id, negative while the client is inactive; and an index over it."""

import logging

logger = logging.getLogger(__name__)

WORDS = {"sqlite": ("INTEGER", ""), "postgresql": ("BIGINT", 'COLLATE "C"')}


def up(migrator, db):
    key, collation = WORDS[db.name]
    db.execute_sql(f"CREATE TABLE busqueda (clave {key} NOT NULL PRIMARY KEY, texto TEXT {collation} NOT NULL)")
    if db.name == "sqlite":
        for statement in FTS5:
            db.execute_sql(statement)
    else:
        index_trigrams(db)


def index_trigrams(db):
    db.execute_sql(TRIGRAMS)
    [is_indexed] = db.execute_sql("SELECT to_regclass('busqueda_texto') IS NOT NULL").fetchone()
    if not is_indexed:
        logger.warning("pg_trgm cannot be had: searches will read all texts, half a second for each million of clients")


# In a block, which undoes what it began where the server lacks the extension, or this user may not create it.
TRIGRAMS = """
    DO $$ BEGIN
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
        CREATE INDEX busqueda_texto ON busqueda USING gin (texto gin_trgm_ops);
    EXCEPTION WHEN OTHERS THEN NULL;
    END $$
"""

# The index is over the texts up to the key `hasta`, whatever its sign. secure-delete leaves nothing of old texts in it.
FTS5 = (
    """
    CREATE VIRTUAL TABLE busqueda_fts USING fts5 (
        texto, content='busqueda', content_rowid='clave', tokenize='trigram case_sensitive 1', columnsize=0
    )
    """,
    "CREATE VIRTUAL TABLE busqueda_fts_gramas USING fts5vocab (busqueda_fts, row)",
    "INSERT INTO busqueda_fts (busqueda_fts, rank) VALUES ('secure-delete', 1)",
    "CREATE TABLE busqueda_fts_limite (id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), hasta BIGINT NOT NULL)",
    "INSERT INTO busqueda_fts_limite (id, hasta) VALUES (1, 0)",
    """
    CREATE TRIGGER busqueda_fts_removed BEFORE UPDATE ON busqueda
    WHEN abs(old.clave) <= (SELECT hasta FROM busqueda_fts_limite)
    BEGIN
        INSERT INTO busqueda_fts (busqueda_fts, rowid, texto) VALUES ('delete', old.clave, old.texto);
    END
    """,
    """
    CREATE TRIGGER busqueda_fts_added AFTER UPDATE ON busqueda
    WHEN abs(new.clave) <= (SELECT hasta FROM busqueda_fts_limite)
    BEGIN
        INSERT INTO busqueda_fts (rowid, texto) VALUES (new.clave, new.texto);
    END
    """,
)
