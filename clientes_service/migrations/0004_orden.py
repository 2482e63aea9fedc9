"""An index for each order of the list, so that a page or a cursor need not sort all clients."""


def up(migrator, db):
    for name, order in (("nombre_orden", ""), ("fecha_creacion", "DESC"), ("fecha_modificacion", "DESC")):
        db.execute_sql(f"CREATE INDEX cliente_{name} ON cliente ({name} {order}, id)")
