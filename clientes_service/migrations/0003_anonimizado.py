"""Whether a client's personal data was erased for good."""


def up(migrator, db):
    db.execute_sql("ALTER TABLE cliente ADD COLUMN anonimizado BOOLEAN NOT NULL DEFAULT FALSE")
