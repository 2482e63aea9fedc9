"""How the service stands: what its administrator, or a monitor, looks at to know that all is well."""
