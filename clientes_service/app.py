"""create_app: the one place that assembles the service."""

import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any
from wsgiref.types import WSGIEnvironment

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface, SessionMixin
from flask_cors import CORS
from werkzeug.exceptions import BadRequest
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Map, MapAdapter
from werkzeug.sansio.utils import get_host

from clientes_service import compression, db, docs, health, http, logs, office, openapi
from clientes_service import config as settings
from clientes_service.auth import guards, passwords, tokens
from clientes_service.auth.views import auth, users
from clientes_service.cambios.views import blp as cambios
from clientes_service.clientes.views import blp as clientes
from clientes_service.config import Config
from clientes_service.datos_personales.views import blp as datos_personales
from clientes_service.files.views import blp as files
from clientes_service.historial.views import blp as historial
from clientes_service.lote.views import blp as lote
from clientes_service.metrics.views import blp as metrics
from clientes_service.servicio.views import blp as servicio

EXPOSED_HEADERS = [
    "Content-Disposition", "ETag", "Idempotency-Replayed", "Link", "Location", "Retry-After", "X-Request-Id"
]  # fmt: skip
HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
HOSTS = 64  # remembered


class NoSession(SessionInterface):
    """No cookies: who calls is in the token."""

    nothing = NullSession()

    def open_session(self, app: Flask, request: Request) -> SessionMixin:
        """Return a session that takes nothing in, and so is the same one for all."""
        return self.nothing


class Asked(Request):
    """A request that is asked thrice by Flask which blueprint's hooks apply, and finds it out once."""

    blueprints = cached_property(Request.blueprints.fget)  # type: ignore[attr-defined]


class Service(Flask):
    """Flask without what this service never does, which each request would pay for."""

    session_interface = NoSession()
    request_class = Asked
    response_class = http.Answer

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is: there are no asynchronous views."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Bind the routes to a request, from what it has parsed already and what is known of its host."""
        if request is None:
            return super().create_url_adapter(request)
        environ = request.environ
        _refuse_no_host(environ)
        if not _is_plain(environ):
            return super().create_url_adapter(request)
        at = _bound(self.url_map, request.scheme, environ["HTTP_HOST"], environ.get("SCRIPT_NAME"))
        return MapAdapter(
            self.url_map, at.server_name, at.script_name, at.subdomain, at.url_scheme, request.path, request.method
        )


def _refuse_no_host(environ: WSGIEnvironment) -> None:
    """Raise BadRequest where the host is missing, or is none (RFC 9112 §3.2)."""
    host = environ.get("HTTP_HOST")
    if environ["SERVER_PROTOCOL"] != "HTTP/1.0" if host is None else host and not HOST.fullmatch(host):
        raise BadRequest


def _is_plain(environ: WSGIEnvironment) -> bool:
    """Whether a request is as nearly all are; the others are left to Flask."""
    return "HTTP_UPGRADE" not in environ and bool(environ.get("HTTP_HOST") and environ.get("PATH_INFO"))


@lru_cache(HOSTS)
def _bound(url_map: Map, scheme: str, host: str, script: str | None) -> MapAdapter:
    """The routes as seen at a host. Raises BadHost, each time."""
    return url_map.bind(get_host(scheme, host), script, url_scheme=scheme)


def create_app(config: Config | None = None) -> Flask:
    """Make the application from its settings, by default those of the environment. Raises ConfigError.

    Opens no connection, so that a server may fork after it.
    """
    config = config or settings.load()
    logs.configure(config.log_level)
    db.connect(config.database_url)
    app = Service(__name__, static_folder=None)
    app.config["SERVICE"] = config
    tokens.init_app(app, config)
    if config.local_auth:
        passwords.warm_up()

    # In this order: a server that cannot work says so; then who calls; then what is asked.
    health.init_app(app)
    app.before_request(guards.authenticate)
    http.init_app(app)
    compression.init_app(app)

    api = openapi.Api(app)
    app.config["OPENAPI"] = api.document
    for blueprint in (health.blp, metrics, clientes, cambios, lote, historial, datos_personales, files, servicio):
        api.register_blueprint(blueprint)
    if config.local_auth:
        for blueprint in (auth, users):
            api.register_blueprint(blueprint)
    app.register_blueprint(office.blp)
    app.register_blueprint(docs.errors_blp)
    if config.docs:
        app.register_blueprint(docs.blp)
    guards.check_every_route(app)

    if config.cors_origins:
        CORS(app, origins=list(config.cors_origins), expose_headers=EXPOSED_HEADERS, max_age=600)
    if config.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.trusted_proxies, x_proto=0)  # type: ignore[method-assign]
    return app
