"""create_app: the one place that assembles the service."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from clientes_service import config as settings
from clientes_service import db, docs, health, http, logs, openapi
from clientes_service.auth import guards, passwords, tokens
from clientes_service.auth.views import auth, users
from clientes_service.clientes.views import blp as clientes
from clientes_service.config import Config
from clientes_service.datos_personales.views import blp as datos_personales
from clientes_service.files.views import blp as files
from clientes_service.historial.views import blp as historial

EXPOSED_HEADERS = ["Content-Disposition", "ETag", "Link", "Location", "Retry-After", "X-Request-Id"]


class Service(Flask):
    """Flask without asynchronous views: it need not ask of each function, on each request, whether it is one."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func


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

    api = openapi.Api(app)
    app.config["OPENAPI"] = api.document
    for blueprint in (health.blp, clientes, historial, datos_personales, files):
        api.register_blueprint(blueprint)
    if config.local_auth:
        for blueprint in (auth, users):
            api.register_blueprint(blueprint)
    app.register_blueprint(docs.errors_blp)
    if config.docs:
        app.register_blueprint(docs.blp)
    guards.check_every_route(app)

    if config.cors_origins:
        CORS(app, origins=list(config.cors_origins), expose_headers=EXPOSED_HEADERS, max_age=600)
    if config.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=config.trusted_proxies, x_proto=0)  # type: ignore[method-assign]
    return app
