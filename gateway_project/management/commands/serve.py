import datetime as dt
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.db.utils import OperationalError

from gateway_project import bootstrap, sandbox_process
from gateway_project.bootstrap import Made
from gateway_project.server import Server
from metering import locks
from metering.closing import zones

LAST_PORT = 65_535
LOCK_PAUSE_SECONDS = 0.2
DATABASE_PAUSE_SECONDS = 0.5
TELL_SECONDS = 5.0
PASSING = (
    "starting up",
    "shutting down",
    "recovery",
    "too many clients",
    "connection slots",
)  # refusals that pass
CURL = """  curl {url}/v1/chat/completions \\
    -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\
    -d '{{"model": "{model}", "messages": [{{"role": "user", "content":
         "What is the capital of France? Answer with one word."}}]}}'"""
PREFERRED = ("claude-haiku-4-5", "gemini-2.5-flash", "gpt-4o-mini")


class Command(BaseCommand):
    help = "Migrates, bootstraps (unless --no-bootstrap) and serves the gateway until stopped."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--no-bootstrap", action="store_true", help="migrate and serve what is configured; create nothing"
        )
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"), help="default 127.0.0.1")
        parser.add_argument("--port", type=int, default=settings.PORT, help="default PORT or 8000")
        parser.add_argument("--workers", type=int, default=settings.WORKERS, help="default WORKERS or 2")

    def handle(self, *args: Any, **options: Any) -> None:
        self.url = f"http://{options['host']}:{options['port']}".replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        self._require_free_port(options["host"], options["port"])
        made = self._set_up(with_bootstrap=not options["no_bootstrap"])
        if not options["no_bootstrap"]:
            self._choose_vendors(options["port"])
        self._say(f"starting {options['workers']} workers ...")
        connections.close_all()
        Server(
            bind=f"{options['host']}:{options['port']}",
            workers=options["workers"],
            announce=lambda: self._announce(made),
            drain_seconds=settings.DRAIN_SECONDS,
            max_requests=settings.MAX_REQUESTS,
        ).run()

    def _require_free_port(self, host: str, port: int) -> None:
        if not 1 <= port <= LAST_PORT:
            raise CommandError(
                f"Port {port} does not exist: choose one from 1 to {LAST_PORT}, such as PORT=8000"
            )
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise CommandError(
                    f"Port {port} on {host} cannot be used ({error.strerror}). "
                    "Stop what listens there, or choose another: PORT=8001 make serve"
                ) from error

    def _set_up(self, *, with_bootstrap: bool) -> Made | None:
        self._wait_for_database()
        with connection.cursor() as cursor:
            _wait_for_lock(cursor)
        try:
            self._say("bringing the database up to date ...")
            call_command("migrate", verbosity=0, interactive=False)
            if said := zones.changed(zone=ZoneInfo(settings.TIME_ZONE)):
                self._say(f"WARNING: {said}")
            if not with_bootstrap:
                return None
            self._say("filling the price catalog ...")
            return bootstrap.bootstrap(at=dt.datetime.now(dt.UTC))
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [locks.SETUP])

    def _wait_for_database(self) -> None:
        """PostgreSQL may start after us. Not waited for: one that is there and says no."""
        told = 0.0
        while True:
            try:
                connection.ensure_connection()
                return
            except OperationalError as error:
                if "FATAL" in str(error) and not any(word in str(error) for word in PASSING):
                    raise CommandError(f"The database says no: {_said(error)} Check DATABASE_URL.") from error
                if time.monotonic() - told >= TELL_SECONDS:
                    told = time.monotonic()
                    self._say(f"waiting for PostgreSQL: {_said(error)} Check DATABASE_URL if it does run.")
            time.sleep(DATABASE_PAUSE_SECONDS)

    def _choose_vendors(self, port: int) -> None:
        vendors = bootstrap.vendors_with_credential()
        if vendors:
            bootstrap.retire_sandbox()
            found = ", ".join(f"{name} ({source})" for name, source in sorted(vendors.items()))
            self._say(f"  vendors: {found}; the sandbox is off")
            return
        base_url = bootstrap.sandbox_that_answers() or sandbox_process.start(preferred_port=port + 1000)
        bootstrap.use_sandbox(base_url=base_url, at=dt.datetime.now(dt.UTC))
        self.stdout.write(
            f"  vendors: no credential is set, so the sandbox answers ({base_url}: nothing is real).\n"
            "  Set OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY or another vendor's and start again"
            " to use the real ones."
        )

    def _announce(self, made: Made | None) -> None:
        threading.Thread(target=self._announce_when_ready, args=(made,), daemon=True).start()

    def _announce_when_ready(self, made: Made | None) -> None:
        problem = self._wait_until_ready()
        lines = ["", f"Tallygate serves at {self.url}   (Ctrl-C stops it)", f"  spend  {self.url}/spend/"]
        if made and made.admin_password:
            lines.append(f"  admin  {self.url}/admin/   login: admin   password: {made.admin_password}")
        else:
            lines.append(f"  admin  {self.url}/admin/   (lost the password: manage.py changepassword admin)")
        if made and made.api_key:
            lines += ["", f"  API key (shown once): {made.api_key}", "", "Try it:", self._curl(made.api_key)]
        else:
            lines.append("  a key: manage.py create_key --team demo --name mine")
        if problem:
            lines += ["", f"  NOT READY: {problem}"]
        self._say("\n".join(lines) + "\n")

    def _curl(self, key: str) -> str:
        return CURL.format(url=self.url, key=key, model=bootstrap.model_to_try(PREFERRED))

    def _wait_until_ready(self, seconds: float = 30) -> str:
        """Empty when /readyz answers 200; else what it said last."""
        problem = "no worker answers"
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5):  # noqa: S310 - our own address
                    return ""
            except urllib.error.HTTPError as error:
                with error:
                    problem = error.read().decode(errors="replace")
                if "starting" not in problem:
                    return problem
            except OSError:
                pass
            time.sleep(0.2)
        return problem

    def _say(self, text: str) -> None:
        """At once, also into a file or a pipe: the key is shown this once."""
        self.stdout.write(text)
        self.stdout.flush()


def _said(error: OperationalError) -> str:
    return f"{str(error).strip().rstrip('.')}."


def _wait_for_lock(cursor: Any) -> None:
    """Asked again and again instead of waited for: a statement that waits keeps a snapshot open, and the
    one who migrates would wait for that (CREATE INDEX CONCURRENTLY), each for the other."""
    while True:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [locks.SETUP])
        if cursor.fetchone()[0]:
            return
        time.sleep(LOCK_PAUSE_SECONDS)
