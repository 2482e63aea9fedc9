"""The one reader of the environment: turns it into a frozen Config, or stops with one clear line."""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

T = TypeVar("T")

SECRET_MIN_BYTES = 32  # RFC 7518 §3.2: an HS256 key is at least as long as its hash
ASYMMETRIC = ("RS256", "ES256")


class ConfigError(Exception):
    """A setting is unknown, does not parse, or contradicts another; the message names it."""


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of the service, parsed. Secrets are left out of its repr."""

    database_url: str = field(repr=False)
    instance_path: Path
    bind: str
    workers: int
    log_level: str
    auth: str
    jwt_algorithm: str
    jwt_key: str = field(repr=False)
    jwt_issuer: str | None
    jwt_audience: str | None
    jwt_require_exp: bool
    strict_documents: bool
    unique_document: bool
    page_size_max: int
    idempotency_days: int
    import_max_mb: int
    trusted_proxies: int
    cors_origins: tuple[str, ...]
    docs: bool
    metrics_token: str | None = field(repr=False)

    @property
    def local_auth(self) -> bool:
        """Whether users sign in here, rather than at another issuer."""
        return self.auth == "local"

    @property
    def backups_path(self) -> Path:
        """The folder where backups go that name no other."""
        return self.instance_path / "backups"


def load(environ: Mapping[str, str] | None = None) -> Config:
    """Read the settings; make the instance folder, and in it the signing secret where none is given.

    Raises ConfigError with one line that says which setting is wrong and what it takes.
    """
    reader = _Reader(os.environ if environ is None else environ)
    instance = Path(reader.text("CLIENTES_INSTANCE_PATH") or "instance").absolute()
    auth = reader.choice("CLIENTES_AUTH", "local", ("local", "external"))
    algorithm = reader.choice("CLIENTES_JWT_ALGORITHM", "HS256", ("HS256", *ASYMMETRIC))
    on_dyno = reader.text("DYNO") is not None
    port = reader.integer("PORT", 8000, 1, 65535)
    config = Config(
        database_url=_database_url(reader, instance, on_dyno),
        instance_path=instance,
        bind=f"{'0.0.0.0' if on_dyno else '127.0.0.1'}:{port}",  # noqa: S104 - a dyno's router comes from outside
        workers=reader.integer("WEB_CONCURRENCY", min(max(os.cpu_count() or 1, 2), 8), 1, 64),
        log_level=reader.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
        auth=auth,
        jwt_algorithm=algorithm,
        jwt_key=_jwt_key(reader, auth, algorithm, instance, on_dyno),
        jwt_issuer=reader.text("CLIENTES_JWT_ISSUER"),
        jwt_audience=reader.text("CLIENTES_JWT_AUDIENCE"),
        jwt_require_exp=reader.boolean("CLIENTES_JWT_REQUIRE_EXP", True),
        strict_documents=reader.boolean("CLIENTES_STRICT_DOCUMENTS", False),
        unique_document=reader.boolean("CLIENTES_UNIQUE_DOCUMENT", False),
        page_size_max=reader.integer("CLIENTES_PAGE_SIZE_MAX", 500, 1, 100_000),
        idempotency_days=reader.integer("CLIENTES_IDEMPOTENCY_DAYS", 7, 1, 3650),
        import_max_mb=reader.integer("CLIENTES_IMPORT_MAX_MB", 20, 1, 1024),
        trusted_proxies=reader.integer("CLIENTES_TRUSTED_PROXIES", 0, 0, 16),
        cors_origins=reader.origins("CLIENTES_CORS_ORIGINS"),
        docs=reader.boolean("CLIENTES_DOCS", True),
        metrics_token=reader.text("CLIENTES_METRICS_TOKEN"),
    )
    reader.refuse_unknown()
    return config


class _Reader:
    """Reads named settings and remembers them, so that a misspelt one can be refused at the end."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.known: set[str] = set()

    def text(self, name: str) -> str | None:
        """The setting's text; None where it is unset or blank."""
        self.known.add(name)
        return self.environ.get(name, "").strip() or None

    def _parse(self, name: str, default: T, parse: Callable[[str], T], takes: str) -> T:
        value = self.text(name)
        if value is None:
            return default
        try:
            return parse(value)
        except ValueError:
            raise ConfigError(f"{name} takes {takes}, not {value!r}") from None

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        by_fold = {choice.casefold(): choice for choice in choices}

        def parse(value: str) -> str:
            if value.casefold() not in by_fold:
                raise ValueError(value)
            return by_fold[value.casefold()]

        return self._parse(name, default, parse, "one of " + ", ".join(choices))

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        def parse(value: str) -> int:
            if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
                raise ValueError(value)
            return int(value)

        return self._parse(name, default, parse, f"a whole number from {low} to {high}")

    def boolean(self, name: str, default: bool) -> bool:
        return self.choice(name, str(default).lower(), ("true", "false")) == "true"

    def origins(self, name: str) -> tuple[str, ...]:
        def parse(value: str) -> tuple[str, ...]:
            origins = tuple(part.strip() for part in value.split(",") if part.strip())
            if not all(re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+", origin) for origin in origins):
                raise ValueError(value)
            return origins

        return self._parse(name, (), parse, "origins such as https://app.example.pe, separated by commas")

    def secret(self, name: str) -> str | None:
        """The setting's text, or the content of the file that NAME_FILE points to."""
        value, path = self.text(name), self.text(f"{name}_FILE")
        if value and path:
            raise ConfigError(f"{name} and {name}_FILE are both set; keep one")
        if path is None:
            return value
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{name}_FILE points to {path}, which cannot be read: {error}") from error

    def refuse_unknown(self) -> None:
        unknown = sorted(n for n in self.environ if n.startswith("CLIENTES_") and n not in self.known)
        if unknown:
            raise ConfigError(f"{', '.join(unknown)}: no such setting; the README lists them all")


def _database_url(reader: _Reader, instance: Path, on_dyno: bool) -> str:
    """The database, where this host's disk can be trusted with it."""
    allow_ephemeral = reader.boolean("CLIENTES_ALLOW_EPHEMERAL", False)
    given = reader.text("DATABASE_URL") or f"sqlite:///{quote(str(instance / 'clientes.db'))}"
    if on_dyno and given.startswith("sqlite:") and not allow_ephemeral:
        raise ConfigError(
            "this host wipes its disk daily (DYNO is set) and DATABASE_URL is a SQLite file: clients would be lost. "
            "CLIENTES_ALLOW_EPHEMERAL=true starts all the same"
        )
    url = parse_database_url(given, "DATABASE_URL", require_tls=on_dyno)  # whose database is on another machine
    _make_folder(instance)
    if url.startswith("sqlite:"):
        _make_folder(sqlite_file(url).parent)
    return url


def sqlite_file(url: str) -> Path:
    """The file of a `sqlite:///` URL."""
    return Path(unquote(url.removeprefix("sqlite:///")))


def parse_database_url(url: str, name: str, *, require_tls: bool = False) -> str:
    """Return the URL in one form: `sqlite:///` and an absolute path, or `postgresql://…` as libpq reads it.

    `name` is the setting or option that gave it; `require_tls` holds unless the URL says itself what it wants. Raises
    ConfigError, which never shows the URL: it may hold a password.
    """
    scheme, _, rest = url.partition("://")
    if scheme in ("postgres", "postgresql"):
        return _postgres_url(f"postgresql://{rest}", name, require_tls)
    path = unquote(rest.removeprefix("/"))
    if scheme != "sqlite" or not rest.startswith("/") or path in ("", ":memory:") or "\0" in path:
        raise ConfigError(
            f"{name} takes postgresql://user:password@host/name or sqlite:///file; a database in memory cannot be "
            "shared by workers"
        )
    return f"sqlite:///{quote(str(Path(path).absolute()))}"


def _postgres_url(url: str, name: str, require_tls: bool) -> str:
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise ConfigError(f"{name} names PostgreSQL: pip install 'clientes-service[postgres]'") from None
    try:
        given = conninfo_to_dict(url)
    except (ProgrammingError, UnicodeError):  # whose message may hold the password
        given = {}
    if not given.get("dbname"):
        raise ConfigError(
            f"{name} is no URL of a database; give postgresql://user:password@host:port/name, and write special "
            "characters of the password percent-encoded"
        )
    if not require_tls or "sslmode" in given:
        return url
    rest, _, name = url.rpartition("/")  # a password may hold ?, but nothing behind the last / does
    name, _, parameters = name.partition("?")
    return f"{rest}/{name}?{parameters}{'&' if parameters else ''}sslmode=require"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the folder {folder} cannot be made: {error.strerror}") from error


def _jwt_key(reader: _Reader, auth: str, algorithm: str, instance: Path, on_dyno: bool) -> str:
    """The key that verifies tokens: a shared secret, or the public key of another issuer."""
    secret = reader.secret("CLIENTES_JWT_SECRET_KEY")
    public = reader.secret("CLIENTES_JWT_PUBLIC_KEY")
    if auth == "local" and algorithm != "HS256":
        raise ConfigError(f"CLIENTES_JWT_ALGORITHM={algorithm} goes with CLIENTES_AUTH=external")
    if algorithm in ASYMMETRIC:
        if not public or not _is_public_key(public, algorithm):
            raise ConfigError(f"CLIENTES_JWT_PUBLIC_KEY (or …_FILE) must hold the issuer's {algorithm} key as PEM text")
        return public
    if not secret and auth == "external":
        raise ConfigError("CLIENTES_AUTH=external needs CLIENTES_JWT_SECRET_KEY, or another CLIENTES_JWT_ALGORITHM")
    if secret is None and on_dyno and not reader.boolean("CLIENTES_ALLOW_EPHEMERAL", False):
        raise ConfigError(
            "CLIENTES_JWT_SECRET_KEY must be set on this host (DYNO is set): a generated one would be lost daily, and "
            "other dynos would not see it"
        )
    try:
        secret = _generated_secret(instance / "jwt_secret") if secret is None else secret
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the secret {instance / 'jwt_secret'} cannot be read or made: {error}") from error
    if len(secret.encode()) < SECRET_MIN_BYTES:
        raise ConfigError(f"CLIENTES_JWT_SECRET_KEY is shorter than {SECRET_MIN_BYTES} bytes (RFC 7518 §3.2)")
    return secret


def _is_public_key(pem: str, algorithm: str) -> bool:
    kind = {"RS256": RSAPublicKey, "ES256": EllipticCurvePublicKey}[algorithm]
    try:
        return isinstance(load_pem_public_key(pem.encode()), kind)
    except (ValueError, UnsupportedAlgorithm):
        return False


def _generated_secret(path: Path) -> str:
    """The secret in the instance folder, made on first use.

    Several workers may come here at once: each writes a file of its own and links it to the final name, which
    only the first can do, so that all read one secret and never half of one.
    """
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii").strip()
