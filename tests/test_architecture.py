"""Who may import whom, and which words belong to which room: the rules of CONTRIBUTING.md, read from the source."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import clientes_service

pytestmark = pytest.mark.sqlite  # no database has a part in this

PACKAGE = Path(clientes_service.__file__).parent
OURS = "clientes_service"

Checker = Callable[[str, ast.Module], Iterator[str]]


def module_name(path: Path) -> str:
    """`auth.service` for clientes_service/auth/service.py; a package's name for its __init__.py."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}


def imports(tree: ast.Module) -> set[str]:
    """Every module that is imported, anywhere in a file; `from a import b` counts as a and as a.b."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def our_imports(tree: ast.Module) -> set[str]:
    return {name.removeprefix(f"{OURS}.") for name in imports(tree) if name.startswith(f"{OURS}.")}


def calls(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """What is called: the name before the dot, or "", and the name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield "", node.func.id
            elif isinstance(node.func, ast.Attribute):
                owner = node.func.value
                yield owner.id if isinstance(owner, ast.Name) else "…", node.func.attr


def texts(tree: ast.Module) -> Iterator[str]:
    """Every string that is not a docstring."""
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree)
                  if isinstance(node, holders) and node.body and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def is_flask(name: str) -> bool:
    return name.split(".")[0].startswith("flask") or name.split(".")[0] == "werkzeug"


def may_know_http(module: str) -> bool:
    """The rooms that CONTRIBUTING.md lets import Flask."""
    rooms = ("app", "compression", "http", "parser", "openapi", "health", "docs", "office")
    rooms += ("auth.cookie", "auth.guards", "auth.tokens")
    return module in rooms or module.rpartition(".")[2] == "views"


# --- The rules. Each yields what is wrong with a module.


def flask_stays_with_http(module: str, tree: ast.Module) -> Iterator[str]:
    if may_know_http(module):
        return
    yield from (name for name in imports(tree) if is_flask(name))
    if module != "cli.serve":  # it makes the application, to ask it for the OpenAPI document
        yield from (name for name in our_imports(tree) if may_know_http(name))


def errors_and_clock_know_nobody(module: str, tree: ast.Module) -> Iterator[str]:
    if module in ("errors", "clock"):
        yield from (name for name in imports(tree) if name.split(".")[0] == OURS)


def the_engine_knows_no_feature(module: str, tree: ast.Module) -> Iterator[str]:
    room = module.split(".")[0]
    if room in ("db", "config", "fields", "logs"):
        below = {"errors", "clock", "config", "metrics"} | ({"db"} if room == "db" else set())
        yield from (name for name in our_imports(tree) if name.split(".")[0] not in below)


def a_migration_knows_nobody(module: str, tree: ast.Module) -> Iterator[str]:
    if module.startswith("migrations."):
        yield from (name for name in imports(tree) if name.split(".")[0] == OURS)


def auth_knows_clients_by_their_pure_rules(module: str, tree: ast.Module) -> Iterator[str]:
    if module.startswith("auth."):
        yield from (name for name in our_imports(tree)
                    if name.startswith("clientes.") and not name.startswith("clientes.documento"))  # fmt: skip


def only_config_reads_the_environment(module: str, tree: ast.Module) -> Iterator[str]:
    if module in ("config", "server"):  # the second tells prometheus_client, which reads it itself, where to count
        return
    words = {"environ", "environb", "getenv", "getenvb", "putenv"}
    yield from (name for name in imports(tree) if name in {f"os.{word}" for word in words})
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    yield from (ast.unparse(node) for node in attributes if node.attr in words and ast.unparse(node.value) == "os")


def only_db_says_pragma(module: str, tree: ast.Module) -> Iterator[str]:
    if module != "db.sqlite":
        yield from (text for text in texts(tree) if "pragma" in text.lower())
        yield from (f"{owner}.{name}" for owner, name in calls(tree) if name == "pragma")


def only_db_opens_transactions(module: str, tree: ast.Module) -> Iterator[str]:
    if module.split(".")[0] == "db":
        return
    for owner, name in calls(tree):
        if name in ("atomic", "savepoint", "manual_commit", "session_start", "begin", "commit"):
            yield f"{owner}.{name}"
        if name in ("transaction", "snapshot") and owner not in ("", "db"):
            yield f"{owner}.{name}"
    for text in texts(tree):
        if text.strip().upper().split(" ")[0] in ("BEGIN", "COMMIT", "SAVEPOINT", "ROLLBACK"):
            yield text


def only_db_knows_the_drivers(module: str, tree: ast.Module) -> Iterator[str]:
    drivers = {"apsw", "psycopg"} - ({"psycopg"} if module == "config" else set())  # which asks whether a URL parses
    if module.split(".")[0] != "db":
        yield from (name for name in imports(tree) if name.split(".")[0] in drivers)
        yield from (name for name in our_imports(tree) if name.startswith(("db.sqlite", "db.postgres")))


def only_cli_prints(module: str, tree: ast.Module) -> Iterator[str]:
    for owner, name in calls(tree):
        if (owner, name) == ("", "print") or (owner, name) in (("pprint", "pprint"), ("", "pprint")):
            yield name
        if name in ("echo", "secho") and module.split(".")[0] != "cli":
            yield f"{owner}.{name}"


def nobody_calls_the_command_line(module: str, tree: ast.Module) -> Iterator[str]:
    if module.split(".")[0] != "cli":
        yield from (name for name in our_imports(tree) if name.split(".")[0] == "cli")


def only_app_imports_views(module: str, tree: ast.Module) -> Iterator[str]:
    if module != "app":
        yield from (name for name in our_imports(tree) if "views" in name.split("."))


def only_cli_and_servers_import_app(module: str, tree: ast.Module) -> Iterator[str]:
    if module != "cli.serve":
        yield from (name for name in our_imports(tree) if name.split(".")[0] == "app")


def functions_are_short(module: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > 50:
                yield f"{node.name}: {lines} lines"


def every_module_says_what_it_is(module: str, tree: ast.Module) -> Iterator[str]:
    if not ast.get_docstring(tree):
        yield "no docstring"


RULES: list[tuple[Checker, str, str]] = [
    (flask_stays_with_http, "clientes.service", "from flask import g"),
    (flask_stays_with_http, "clientes.models", "import flask_smorest"),
    (flask_stays_with_http, "auth.throttle", "def f():\n    from werkzeug.exceptions import NotFound"),
    (flask_stays_with_http, "auth.usuarios", "from clientes_service.http import json_response"),
    (flask_stays_with_http, "db", "from clientes_service import http"),
    (flask_stays_with_http, "cli", "from flask import current_app"),
    (errors_and_clock_know_nobody, "errors", "from clientes_service import clock"),
    (errors_and_clock_know_nobody, "clock", "import clientes_service.config"),
    (the_engine_knows_no_feature, "db", "from clientes_service.clientes import models"),
    (the_engine_knows_no_feature, "fields", "from clientes_service import db"),
    (a_migration_knows_nobody, "migrations.0002_x", "from clientes_service.clientes.models import Cliente"),
    (auth_knows_clients_by_their_pure_rules, "auth.service", "from clientes_service.clientes import models"),
    (only_config_reads_the_environment, "db", "import os\nPATH = os.environ['X']"),
    (only_config_reads_the_environment, "cli", "from os import environ"),
    (only_config_reads_the_environment, "app", "import os\nos.getenv('X')"),
    (only_db_says_pragma, "health", "database.execute_sql('pragma user_version')"),
    (only_db_says_pragma, "health", "f'PRAGMA {name}'"),
    (only_db_says_pragma, "cli", "database.pragma('synchronous')"),
    (only_db_opens_transactions, "clientes.service", "with database.atomic():\n    pass"),
    (only_db_opens_transactions, "clientes.service", "with db.database.transaction('IMMEDIATE'):\n    pass"),
    (only_db_opens_transactions, "clientes.service", "@database.atomic()\ndef f(): pass"),
    (only_db_opens_transactions, "health", "database.execute_sql('BEGIN IMMEDIATE')"),
    (only_db_knows_the_drivers, "health", "import apsw"),
    (only_db_knows_the_drivers, "errors", "from psycopg import OperationalError"),
    (only_db_knows_the_drivers, "clientes.service", "from clientes_service.db.postgres import Postgres"),
    (only_cli_prints, "cli", "print('x')"),
    (only_cli_prints, "clientes.service", "import click\nclick.echo('x')"),
    (nobody_calls_the_command_line, "app", "from clientes_service.cli import main"),
    (nobody_calls_the_command_line, "server", "from clientes_service import cli"),
    (only_app_imports_views, "auth.guards", "from clientes_service.auth.views import auth"),
    (only_app_imports_views, "openapi", "from clientes_service.clientes import views"),
    (only_cli_and_servers_import_app, "docs", "from clientes_service.app import create_app"),
    (functions_are_short, "db", "class A:\n    def f(self):\n" + "        pass\n" * 50),
    (every_module_says_what_it_is, "db", "import os"),
]
CHECKERS = list(dict.fromkeys(checker for checker, _, _ in RULES))


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: str(checker.__name__))
def test_the_house_keeps_its_rules(checker: Checker) -> None:
    found = {module: problems for module, source in SOURCES.items()
             if (problems := sorted(checker(module, ast.parse(source))))}  # fmt: skip
    assert found == {}


@pytest.mark.parametrize(("checker", "module", "source"), RULES, ids=lambda value: getattr(value, "__name__", None))
def test_a_broken_rule_is_found(checker: Checker, module: str, source: str) -> None:
    assert list(checker(module, ast.parse(source)))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("clientes.views", '"""V."""\nfrom flask import g\nfrom clientes_service.http import json_response'),
        ("clientes.service", '"""Says PRAGMA."""\nwith transaction():\n    pass\nwith db.snapshot():\n    pass'),
        ("cli.serve", '"""C."""\nfrom clientes_service.app import create_app\nclick.echo("x")\nos.execv("a", ("b",))'),
        ("db.sqlite", '"""D."""\nPRAGMAS = "PRAGMA x"\nwith database.transaction("IMMEDIATE"):\n    pass'),
        ("auth.schemas", '"""S."""\nfrom clientes_service.clientes import documento'),
    ],
)
def test_what_is_allowed_is_not_found(module: str, source: str) -> None:
    assert [problem for checker in CHECKERS for problem in checker(module, ast.parse(source))] == []


def too_long(sources: dict[str, str]) -> dict[str, int]:
    return {module: len(source.splitlines()) for module, source in sources.items() if source.count("\n") > 300}


def test_no_file_is_longer_than_300_lines() -> None:
    assert too_long(SOURCES) == {}
    assert too_long({"long": "x\n" * 301, "short": "x\n" * 300}) == {"long": 301}


def test_every_file_of_the_house_is_read() -> None:
    assert {"", "app", "db", "docs", "auth.service", "clientes.models", "migrations.0001_initial"} <= SOURCES.keys()
