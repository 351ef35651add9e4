"""The environment, read once. Every setting that an operator can change is named here, with its default."""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import environ

from catalog.guard import OpenNetwork, open_networks
from gateway_project import given
from gateway_project.given import UnusableSetting
from proxy.idempotency.keeping import Keeping, keeping_in
from proxy.pages.objectives import Objectives, objectives_in

BASE_DIR = Path(__file__).resolve().parent.parent
SHORTEST_SECRET_KEY = 32  # characters


@dataclass(frozen=True, slots=True)
class Environment:
    """What the process was told. Secrets are never printed: ``repr`` leaves them out."""

    var_dir: Path  # embedded PostgreSQL, generated secret, sandbox state
    database_url: str = field(repr=False)
    cache_url: str
    secret_key: str = field(repr=False)
    secret_key_fallbacks: list[str] = field(repr=False)
    port: int
    workers: int
    allowed_hosts: list[str]
    csrf_trusted_origins: list[str]
    time_zone: str
    debug: bool
    secure_cookies: bool
    log_format: str  # text | json
    self_approval: bool  # whether people may decide what they asked for themselves
    reasons_required: bool  # whether changes in the admin need a reason
    invoice_issuer: str  # who charges the teams, in FOCUS files with internal invoices
    region: str  # where this gateway runs, in the words of the providers' regions; empty: no matter
    max_body_bytes: int
    link_networks: tuple[OpenNetwork, ...]
    webhook_networks: tuple[OpenNetwork, ...]
    public_url: str  # of the people's door, for links in messages to people
    email_url: str = field(repr=False)  # smtp+tls://user:password@host:port; empty: no mail is sent
    email_from: str
    spool_dir: Path  # entries that PostgreSQL cannot take for the moment: must outlive the process
    drain_seconds: int
    max_requests: int
    keep_alive_seconds: float  # of a silent stream, before a comment says that it lives
    idempotency_keeping: Keeping  # what is kept of answers to requests with an Idempotency-Key
    objectives: Objectives  # what /spend/reliability/ holds the vendors to


def var_dir() -> Path:
    """Where Tallygate keeps its own state: ``var/`` unless TALLYGATE_VAR names another directory."""
    return Path(environ.Env()("TALLYGATE_VAR", default=str(BASE_DIR / "var"))).resolve()


def read() -> Environment:
    """The environment as settings need it. Raises UnusableSetting with the way to mend it."""
    env = environ.Env()
    directory = var_dir()
    return Environment(
        var_dir=directory,
        database_url=given.database_url(env("DATABASE_URL", default="")),
        cache_url=env("CACHE_URL", default="locmemcache://"),
        secret_key=_given_secret(env("SECRET_KEY", default="")) or _kept_secret(directory / "secret_key"),
        secret_key_fallbacks=env.list("SECRET_KEY_FALLBACKS", default=[]),
        port=given.whole("PORT", default=8000, least=1, most=65_535),
        workers=given.whole("WORKERS", default=2, least=1, most=1_000),
        allowed_hosts=env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"]),
        csrf_trusted_origins=env.list("CSRF_TRUSTED_ORIGINS", default=[]),
        time_zone=given.time_zone("TIME_ZONE", default="UTC"),
        debug=given.switch("DEBUG", default=False),
        secure_cookies=given.switch("SECURE_COOKIES", default=False),
        log_format=env("LOG_FORMAT", default="text"),
        self_approval=given.switch("SELF_APPROVAL", default=False),
        reasons_required=given.switch("REASONS_REQUIRED", default=False),
        invoice_issuer=env("INVOICE_ISSUER", default="") or "Internal finance",
        region=env("REGION", default=""),
        max_body_bytes=given.whole("MAX_BODY_BYTES", default=25 * 1024 * 1024, least=1),
        link_networks=_networks("LINK_NETWORKS", env.list("LINK_NETWORKS", default=[])),
        webhook_networks=_networks("WEBHOOK_NETWORKS", env.list("WEBHOOK_NETWORKS", default=[])),
        public_url=env("PUBLIC_URL", default="").rstrip("/"),
        email_url=env("EMAIL_URL", default=""),
        email_from=env("EMAIL_FROM", default="tallygate@localhost"),
        spool_dir=Path(env("SPOOL_DIR", default=str(directory / "spool"))).resolve(),
        drain_seconds=given.whole("DRAIN_SECONDS", default=45),
        max_requests=given.whole("MAX_REQUESTS", default=0),
        keep_alive_seconds=given.seconds("KEEP_ALIVE_SECONDS", default=10.0),
        idempotency_keeping=_keeping(),
        objectives=_objectives(),
    )


def database(url: str) -> dict[str, Any]:
    """Django's settings for a PostgreSQL URL; ``?host=/a/directory`` (a Unix socket) becomes HOST."""
    config: dict[str, Any] = environ.Env.db_url_config(url or "postgresql://unset@127.0.0.1:1/unset")
    config |= {"CONN_MAX_AGE": 0, "ENGINE": "django.db.backends.postgresql"}
    options = config.get("OPTIONS", {})
    if not config.get("HOST") and "host" in options:
        config["HOST"] = options.pop("host")
    return config


def mail(url: str) -> dict[str, Any]:
    """Django's settings for a mail server's URL; with none, nothing is sent."""
    config: dict[str, Any] = environ.Env.email_url_config(url or "dummymail://")
    return {name: value for name, value in config.items() if value is not None}


def _networks(name: str, texts: list[str]) -> tuple[OpenNetwork, ...]:
    try:
        return open_networks(texts)
    except ValueError as error:
        lead = {"LINK_NETWORKS": "links in messages", "WEBHOOK_NETWORKS": "webhooks"}[name]
        raise UnusableSetting(
            f"{name}: {error}. It lists the networks, beside the public ones, that {lead} "
            f"may lead to:\n  {name}=10.1.0.0/16,10.2.3.4/32:9000"
        ) from error


def _keeping() -> Keeping:
    try:
        return keeping_in(os.environ)
    except ValueError as error:
        raise UnusableSetting(str(error)) from error


def _objectives() -> Objectives:
    try:
        return objectives_in(os.environ)
    except ValueError as error:
        raise UnusableSetting(str(error)) from error


def _given_secret(key: str) -> str:
    if 0 < len(key) < SHORTEST_SECRET_KEY:
        raise UnusableSetting(
            f"SECRET_KEY has {len(key)} characters and needs {SHORTEST_SECRET_KEY}: it encrypts the vendors' "
            "credentials and signs sessions. Make one and keep a copy:\n"
            "  python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return key


def _kept_secret(path: Path) -> str:
    """The generated SECRET_KEY of this installation: made once, at no moment readable by anybody else."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:  # another command made it in the meantime
            return path.read_text().strip()
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
    kept = path.read_text().strip()
    if not kept:
        raise UnusableSetting(f"{path} is empty: set SECRET_KEY, or delete the file and start again")
    return kept


__all__ = ["BASE_DIR", "Environment", "UnusableSetting", "database", "mail", "read", "var_dir"]
