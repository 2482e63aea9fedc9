"""Databases for the tests, on either engine: empty ones, and copies of one that holds a user of each role."""

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psycopg

from tests.postgres import Cluster


class Databases(Protocol):
    """Makes databases. `folder` is the test's own; both return a URL."""

    def empty(self, folder: Path) -> str: ...

    def copy(self, folder: Path) -> str: ...

    def drop(self, url: str) -> None: ...


class SqliteFiles:
    """Files; the template is one, too."""

    def __init__(self, folder: Path, fill: Callable[[str], None]) -> None:
        self.template = folder / "template.db"
        fill(f"sqlite:///{self.template}")

    def empty(self, folder: Path) -> str:
        return f"sqlite:///{folder}/clientes.db"

    def copy(self, folder: Path) -> str:
        shutil.copy(self.template, folder / "clientes.db")
        return self.empty(folder)

    def drop(self, url: str) -> None:
        pass  # pytest removes the folder


class PostgresDatabases:
    """Databases of a throwaway server; the template is one, too."""

    def __init__(self, cluster: Cluster, fill: Callable[[str], None]) -> None:
        self.cluster, self.numbers = cluster, itertools.count()
        self.admin = psycopg.connect(cluster.url, autocommit=True)
        self._admin("CREATE DATABASE plantilla")
        fill(cluster.url_of("plantilla"))

    def close(self) -> None:
        self.admin.close()

    def _admin(self, statement: str) -> None:
        self.admin.execute(statement)  # type: ignore[call-overload]

    def _create(self, template: str) -> str:
        name = f"prueba_{next(self.numbers)}"
        self._admin(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.cluster.url_of(name)

    def empty(self, folder: Path) -> str:
        return self._create("template0")

    def copy(self, folder: Path) -> str:
        return self._create("plantilla")

    def drop(self, url: str) -> None:
        self._admin(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")
