"""A second connection, and short patience."""

from collections.abc import Iterator

import pytest
from flask import Flask

from clientes_service import db
from clientes_service.db import postgres, sqlite


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for this before `app`: who waits for the write lock gives up soon."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.1)


@pytest.fixture
def other(app: Flask, environ: dict[str, str]) -> Iterator[db.Engine]:
    """Another process's view of the database of the application under test."""
    engine = db.open_engine(environ["DATABASE_URL"])
    yield engine
    engine.close()
