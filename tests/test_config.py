"""The settings: defaults, good values, nonsense, secrets and the instance folder."""

import dataclasses
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from psycopg.conninfo import conninfo_to_dict

from clientes_service.config import Config, ConfigError, load, sqlite_file
from tests.conftest import SECRET

pytestmark = pytest.mark.sqlite  # no database has a part in this

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
EC_KEY = ec.generate_private_key(ec.SECP256R1()).public_key()
RSA_PEM, EC_PEM = (
    key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode().strip()
    for key in (RSA_KEY, EC_KEY)
)
EXTERNAL = {"CLIENTES_AUTH": "external", "CLIENTES_JWT_ALGORITHM": "RS256", "CLIENTES_JWT_PUBLIC_KEY": RSA_PEM}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "instance"


@pytest.fixture
def environ(folder: Path) -> dict[str, str]:
    return {"CLIENTES_INSTANCE_PATH": str(folder), "CLIENTES_JWT_SECRET_KEY": SECRET}


@pytest.fixture
def unset_secret(environ: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name != "CLIENTES_JWT_SECRET_KEY"}


def file_of(config: Config) -> Path:
    """The SQLite file that the settings name."""
    assert config.database_url.startswith("sqlite:///")
    return sqlite_file(config.database_url)


def refusal(environ: dict[str, str]) -> str:
    """The one line with which these settings are refused."""
    with pytest.raises(ConfigError) as caught:
        load(environ)
    message = str(caught.value)
    assert message.strip()
    assert message.splitlines() == [message]
    return message


SETTINGS: list[tuple[str, str, Any, str, Any]] = [
    ("PORT", "bind", "127.0.0.1:8000", "8080", "127.0.0.1:8080"),
    ("LOG_LEVEL", "log_level", "INFO", "warning", "WARNING"),
    ("CLIENTES_AUTH", "auth", "local", "EXTERNAL", "external"),
    ("CLIENTES_JWT_ALGORITHM", "jwt_algorithm", "HS256", "hs256", "HS256"),
    ("CLIENTES_JWT_ISSUER", "jwt_issuer", None, " https://issuer.example ", "https://issuer.example"),
    ("CLIENTES_JWT_AUDIENCE", "jwt_audience", None, "clientes", "clientes"),
    ("CLIENTES_JWT_REQUIRE_EXP", "jwt_require_exp", True, "false", False),
    ("CLIENTES_STRICT_DOCUMENTS", "strict_documents", False, "true", True),
    ("CLIENTES_UNIQUE_DOCUMENT", "unique_document", False, "True", True),
    ("CLIENTES_PAGE_SIZE_MAX", "page_size_max", 500, "50", 50),
    ("CLIENTES_IDEMPOTENCY_DAYS", "idempotency_days", 7, "30", 30),
    ("CLIENTES_IMPORT_MAX_MB", "import_max_mb", 20, "100", 100),
    ("CLIENTES_TRUSTED_PROXIES", "trusted_proxies", 0, "1", 1),
    ("CLIENTES_DOCS", "docs", True, "FALSE", False),
    ("CLIENTES_METRICS_TOKEN", "metrics_token", None, "vicuña", "vicuña"),
    ("CLIENTES_CORS_ORIGINS", "cors_origins", (), "https://a.pe, http://localhost:5173",
     ("https://a.pe", "http://localhost:5173")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "attribute", "default", "text", "value"), SETTINGS)
def test_a_setting_has_a_default_and_takes_a_value(
    environ: dict[str, str], name: str, attribute: str, default: Any, text: str, value: Any
) -> None:
    assert getattr(load(environ), attribute) == default
    assert getattr(load({**environ, name: "  "}), attribute) == default
    assert getattr(load({**environ, name: text}), attribute) == value


def test_no_setting_is_left_out_of_these_tests() -> None:
    tested = {attribute for _, attribute, *_ in SETTINGS} | {"database_url", "instance_path", "workers", "jwt_key"}
    assert tested == {field.name for field in dataclasses.fields(Config)}


def test_workers_follow_the_cores_unless_given(environ: dict[str, str]) -> None:
    assert 2 <= load(environ).workers <= 8
    assert load({**environ, "WEB_CONCURRENCY": "1"}).workers == 1
    assert load({**environ, "WEB_CONCURRENCY": "64"}).workers == 64


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[("PORT", text) for text in ("0", "65536", "http", "80.0", "-1", "+80", "٨٠٨٠", "9" * 5000)],
        *[("WEB_CONCURRENCY", text) for text in ("0", "65", "many")],
        *[("LOG_LEVEL", text) for text in ("LOUD", "10")],
        *[("CLIENTES_AUTH", text) for text in ("none", "false")],
        *[("CLIENTES_JWT_ALGORITHM", text) for text in ("none", "HS512", "RS512")],
        *[("CLIENTES_JWT_REQUIRE_EXP", text) for text in ("yes", "0")],
        ("CLIENTES_STRICT_DOCUMENTS", "1"),
        ("CLIENTES_UNIQUE_DOCUMENT", "on"),
        *[("CLIENTES_PAGE_SIZE_MAX", text) for text in ("0", "100001", "1e3")],
        *[("CLIENTES_IDEMPOTENCY_DAYS", text) for text in ("0", "3651")],
        *[("CLIENTES_IMPORT_MAX_MB", text) for text in ("0", "1025")],
        *[("CLIENTES_TRUSTED_PROXIES", text) for text in ("-1", "17", "true")],
        *[("CLIENTES_CORS_ORIGINS", text) for text in ("*", "a.pe", "https://a.pe/", "https://a.pe b.pe", "null")],
        ("CLIENTES_DOCS", "si"),
        ("CLIENTES_ALLOW_EPHEMERAL", "please"),
        ("LOG_LEVEL", "IN\nFO"),
    ],
)
def test_nonsense_is_refused_with_the_name_of_its_setting(environ: dict[str, str], name: str, text: str) -> None:
    assert refusal({**environ, name: text}).startswith(name)


@pytest.mark.parametrize("name", ["CLIENTES_DOC", "CLIENTES_jwt_issuer", "CLIENTES_", "CLIENTES_METRICS_TOKEN_FILE"])
def test_an_unknown_setting_is_refused_by_name(environ: dict[str, str], name: str) -> None:
    assert refusal({**environ, name: ""}).startswith(f"{name}:")


def test_variables_of_others_are_no_business_of_ours(environ: dict[str, str]) -> None:
    assert load({**environ, "CLIENTE_X": "1", "clientes_docs": "?", "HOME": "/"}) == load(environ)


def test_the_repr_hides_secrets(environ: dict[str, str]) -> None:
    text = repr(load({**environ, "CLIENTES_METRICS_TOKEN": "vicuña"}))
    assert SECRET not in text
    assert "vicuña" not in text
    assert "page_size_max=500" in text


def test_a_config_cannot_be_changed(environ: dict[str, str]) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load(environ).docs = False  # type: ignore[misc]


# --- Where things are


def test_the_database_is_in_the_instance_folder_unless_named(environ: dict[str, str], folder: Path) -> None:
    config = load(environ)
    assert (config.instance_path, file_of(config)) == (folder, folder / "clientes.db")


def test_the_instance_folder_is_one_below_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load({})
    assert file_of(config) == tmp_path / "instance" / "clientes.db"
    assert (tmp_path / "instance" / "jwt_secret").read_text() == config.jwt_key


def test_an_instance_folder_is_taken_literally(environ: dict[str, str], tmp_path: Path) -> None:
    odd = tmp_path / "50%25 [ñ] ?a#b"
    assert file_of(load({**environ, "CLIENTES_INSTANCE_PATH": str(odd)})) == odd / "clientes.db"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///data/x.db", "data/x.db"),
        ("sqlite:///x.db", "x.db"),
        ("sqlite:///data/a%20b%25%C3%B1.db", "data/a b%ñ.db"),
        ("sqlite:///../up.db", "../up.db"),
    ],
)
def test_a_database_may_be_relative_to_the_working_folder(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, path: str
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    found = file_of(load({**environ, "DATABASE_URL": url}))
    assert found == work / path
    assert found.parent.is_dir()


def test_a_database_may_be_absolute(environ: dict[str, str], tmp_path: Path) -> None:
    found = file_of(load({**environ, "DATABASE_URL": f"sqlite:///{tmp_path}/a/b/x.db"}))
    assert found == tmp_path / "a" / "b" / "x.db"


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///%3Amemory%3A", "sqlite://x.db", "mysql://u@h/x",
     "clientes.db", "file:x.db", "sqlite:x.db", "sqlite://[", "sqlite:////tmp/a%00b/x.db", "sqlite:////tmp/a%00b"],
)  # fmt: skip
def test_another_form_of_database_is_refused(environ: dict[str, str], url: str) -> None:
    assert "DATABASE_URL" in refusal({**environ, "DATABASE_URL": url})


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_postgresql_url_is_kept_as_it_is_but_for_its_scheme(environ: dict[str, str], scheme: str) -> None:
    rest = "ana:p%40%2F%3A%25@db.example.pe:5433/clientes?sslmode=verify-full"
    config = load({**environ, "DATABASE_URL": f"{scheme}://{rest}"})
    assert config.database_url == f"postgresql://{rest}"
    assert "p%40" not in repr(config)


@pytest.mark.parametrize(
    "url",
    ["postgres://", "postgres://ana:secreta@db", "postgres://ana:secreta@db/x?nada=1", "postgres://ana:secreta@[/x",
     "postgresql://ana:secreta%zz@db/x"],
)  # fmt: skip
def test_a_postgresql_url_that_does_not_parse_is_refused_and_not_shown(environ: dict[str, str], url: str) -> None:
    message = refusal({**environ, "DATABASE_URL": url})
    assert "DATABASE_URL" in message
    assert "secreta" not in message


def test_folders_that_are_made_are_private(environ: dict[str, str], tmp_path: Path, folder: Path) -> None:
    load({**environ, "DATABASE_URL": f"sqlite:///{tmp_path}/data/x.db"})
    for made in (folder, tmp_path / "data"):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_named(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in refusal({**environ, "CLIENTES_INSTANCE_PATH": str(tmp_path / "file" / "x")})


# --- A host that wipes its disk


def test_a_dyno_refuses_a_database_that_would_be_lost(environ: dict[str, str], folder: Path) -> None:
    for more in ({}, {"CLIENTES_ALLOW_EPHEMERAL": "false"}, {"DATABASE_URL": "sqlite:////tmp/x.db"}):
        message = refusal({**environ, "DYNO": "web.1", **more})
        assert "DYNO" in message
        assert "CLIENTES_ALLOW_EPHEMERAL" in message
    assert not folder.exists()


def test_a_dyno_starts_where_that_is_allowed_and_is_reached_from_outside(environ: dict[str, str]) -> None:
    config = load({**environ, "DYNO": "web.1", "CLIENTES_ALLOW_EPHEMERAL": "true", "PORT": "5000"})
    assert config.bind == "0.0.0.0:5000"


def test_a_dyno_with_a_database_elsewhere_needs_a_key_of_its_own(environ: dict[str, str]) -> None:
    dyno = {**environ, "DYNO": "web.1", "DATABASE_URL": "postgres://ana@db.example.pe/x"}
    dyno.pop("CLIENTES_JWT_SECRET_KEY", None)
    assert "CLIENTES_JWT_SECRET_KEY" in refusal(dyno)
    config = load({**dyno, "CLIENTES_JWT_SECRET_KEY": SECRET})
    assert config.database_url == "postgresql://ana@db.example.pe/x?sslmode=require"
    for given in ("postgres://ana@h/x?", "postgres://ana:sslmode=1@h/x", "postgres://ana@h/x?application_name=y"):
        made = load({**dyno, "CLIENTES_JWT_SECRET_KEY": SECRET, "DATABASE_URL": given}).database_url
        assert conninfo_to_dict(made)["sslmode"] == "require"
    chosen = "postgres://ana@db.example.pe/x?sslmode=verify-full&application_name=y"
    config = load({**dyno, "CLIENTES_JWT_SECRET_KEY": SECRET, "DATABASE_URL": chosen})
    assert config.database_url == chosen.replace("postgres:", "postgresql:")


# --- The key


def test_a_secret_is_given_as_text_or_in_a_file(environ: dict[str, str], unset_secret: Any, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    assert load(environ).jwt_key == SECRET
    config = load({**unset_secret, "CLIENTES_JWT_SECRET_KEY_FILE": str(tmp_path / "secret")})
    assert config.jwt_key == SECRET
    assert not (config.instance_path / "jwt_secret").exists()


@pytest.mark.parametrize("name", ["CLIENTES_JWT_SECRET_KEY", "CLIENTES_JWT_PUBLIC_KEY"])
def test_a_secret_given_twice_is_refused(environ: dict[str, str], tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text(SECRET)
    message = refusal({**environ, name: SECRET, f"{name}_FILE": str(tmp_path / "secret")})
    assert message.startswith(f"{name} and {name}_FILE")


@pytest.mark.parametrize("content", [None, b"\xff\xfe" * 32])
def test_a_secret_file_that_cannot_be_read_is_refused(unset_secret: Any, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    message = refusal({**unset_secret, "CLIENTES_JWT_SECRET_KEY_FILE": str(path)})
    assert "CLIENTES_JWT_SECRET_KEY_FILE" in message
    assert str(path) in message
    assert "CLIENTES_JWT_SECRET_KEY_FILE" in refusal({**unset_secret, "CLIENTES_JWT_SECRET_KEY_FILE": str(tmp_path)})


def test_a_short_secret_is_refused_and_not_shown(environ: dict[str, str]) -> None:
    message = refusal({**environ, "CLIENTES_JWT_SECRET_KEY": "x" * 31})
    assert "CLIENTES_JWT_SECRET_KEY" in message
    assert "x" * 31 not in message
    assert load({**environ, "CLIENTES_JWT_SECRET_KEY": "x" * 32}).jwt_key == "x" * 32
    assert load({**environ, "CLIENTES_JWT_SECRET_KEY": "ñ" * 16}).jwt_key == "ñ" * 16


@pytest.mark.parametrize("auth", ["local", "external"])
def test_an_empty_secret_file_is_no_secret(unset_secret: Any, tmp_path: Path, folder: Path, auth: str) -> None:
    (tmp_path / "secret").write_text("\n")
    given = {"CLIENTES_JWT_SECRET_KEY_FILE": str(tmp_path / "secret"), "CLIENTES_AUTH": auth}
    assert "CLIENTES_JWT_SECRET_KEY" in refusal({**unset_secret, **given})
    assert not (folder / "jwt_secret").exists()


def test_a_secret_is_made_once_and_is_private(unset_secret: dict[str, str], folder: Path) -> None:
    first = load(unset_secret)
    path = folder / "jwt_secret"
    assert len(first.jwt_key.encode()) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load(unset_secret) == first
    assert list(folder.iterdir()) == [path]
    other = load({"CLIENTES_INSTANCE_PATH": str(folder.with_name("other"))})
    assert other.jwt_key != first.jwt_key


@pytest.mark.parametrize("content", ["", "short"])
def test_a_stored_secret_that_lost_its_content_is_not_replaced(unset_secret: Any, folder: Path, content: str) -> None:
    folder.mkdir()
    (folder / "jwt_secret").write_text(content)
    refusal(unset_secret)
    assert (folder / "jwt_secret").read_text() == content


def test_a_stored_secret_that_cannot_be_read_is_one_line(unset_secret: dict[str, str], folder: Path) -> None:
    (folder / "jwt_secret").mkdir(parents=True)
    assert str(folder / "jwt_secret") in refusal(unset_secret)


def test_eight_threads_at_once_read_one_secret(tmp_path: Path) -> None:
    start = Barrier(8)

    def key(instance: Path) -> str:
        start.wait()
        return load({"CLIENTES_INSTANCE_PATH": str(instance)}).jwt_key

    with ThreadPoolExecutor(8) as pool:
        for number in range(20):  # so that some of them do meet
            instance = tmp_path / str(number)
            assert len(set(pool.map(key, [instance] * 8))) == 1
            assert [path.name for path in instance.iterdir()] == ["jwt_secret"]


def test_eight_processes_at_once_read_one_secret(unset_secret: dict[str, str], folder: Path) -> None:
    code = "from clientes_service.config import load; print(flush=True); input(); print(load().jwt_key)"
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, env=unset_secret, stdin=pipe, stdout=pipe, text=True) for _ in range(8)]
    for process in started:
        assert process.stdout
        assert process.stdout.readline() == "\n"
    for process in started:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    keys = {process.communicate()[0] for process in started}
    assert [process.returncode for process in started] == [0] * 8
    assert keys == {(folder / "jwt_secret").read_text() + "\n"}
    assert [path.name for path in folder.iterdir()] == ["jwt_secret"]


# --- Another issuer


def test_another_issuer_needs_a_key(unset_secret: dict[str, str], folder: Path) -> None:
    assert "CLIENTES_JWT_SECRET_KEY" in refusal({**unset_secret, "CLIENTES_AUTH": "external"})
    assert not (folder / "jwt_secret").exists()
    for algorithm in ("RS256", "ES256"):
        given = {"CLIENTES_AUTH": "external", "CLIENTES_JWT_ALGORITHM": algorithm, "CLIENTES_JWT_SECRET_KEY": SECRET}
        assert "CLIENTES_JWT_PUBLIC_KEY" in refusal({**unset_secret, **given})


def test_another_issuer_may_share_a_secret(environ: dict[str, str]) -> None:
    config = load({**environ, "CLIENTES_AUTH": "external"})
    assert (config.local_auth, config.jwt_algorithm, config.jwt_key) == (False, "HS256", SECRET)


def test_another_issuer_may_publish_a_key(unset_secret: dict[str, str], tmp_path: Path) -> None:
    config = load({**unset_secret, **EXTERNAL})
    assert (config.jwt_algorithm, config.jwt_key) == ("RS256", RSA_PEM)
    (tmp_path / "key.pem").write_text(f"{EC_PEM}\n")
    given = {"CLIENTES_JWT_ALGORITHM": "es256", "CLIENTES_JWT_PUBLIC_KEY_FILE": str(tmp_path / "key.pem")}
    config = load({**unset_secret, "CLIENTES_AUTH": "external", **given})
    assert (config.jwt_algorithm, config.jwt_key) == ("ES256", EC_PEM)


@pytest.mark.parametrize("key", ["x", "PUBLIC KEY", RSA_PEM.replace("M", "!"), EC_PEM])
def test_a_public_key_that_does_not_parse_is_refused(unset_secret: dict[str, str], key: str) -> None:
    assert "CLIENTES_JWT_PUBLIC_KEY" in refusal({**unset_secret, **EXTERNAL, "CLIENTES_JWT_PUBLIC_KEY": key})


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_local_users_do_not_go_with_a_public_key(environ: dict[str, str], algorithm: str) -> None:
    message = refusal({**environ, "CLIENTES_JWT_ALGORITHM": algorithm, "CLIENTES_JWT_PUBLIC_KEY": RSA_PEM})
    assert message.startswith(f"CLIENTES_JWT_ALGORITHM={algorithm}")
    assert "CLIENTES_AUTH=external" in message
