"""Where a drill takes place: a sandbox and a gateway of its own over an empty ledger, all gone afterwards.

Nothing that is configured for real is read: the programs get neither DATABASE_URL nor a credential, but a
folder of their own, in which the gateway starts an embedded PostgreSQL. No drill can touch a ledger in use.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
START_SECONDS = 90.0  # the first start of PostgreSQL on a slow disk among it
STOP_SECONDS = 20.0


Process = subprocess.Popen[bytes]


class DrillFailed(Exception):
    """The drill could not take place; the message says why."""


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway that runs, its vendors and its ledger."""

    gateway_url: str
    sandbox_url: str
    database_url: str
    key: str
    manage: Callable[..., "subprocess.CompletedProcess[str]"]


@contextlib.contextmanager
def built(configuration: str, *, seed: int, tell: Callable[[str], None]) -> Iterator[Site]:
    """Start everything; ``configuration`` is ``manage.py apply``'s, with SANDBOX for the vendors' address."""
    with tempfile.TemporaryDirectory(prefix="tallygate-drill-") as directory, _stopped_in_order():
        folder = Path(directory)
        env = _environment(folder)
        with contextlib.ExitStack() as stack:
            port = _free_port()
            tell("starting the vendors' sandbox ...")
            sandbox = ("sandbox", "--with-parent", "--port", str(port), "--seed", str(seed))
            started = stack.enter_context(_program(folder, env, *sandbox))
            sandbox_url = f"http://127.0.0.1:{port}"
            _wait_for(f"{sandbox_url}/control", started, folder / "sandbox.log")
            yield _gateway(
                stack, folder, env, configuration.replace("SANDBOX", sandbox_url), sandbox_url, tell
            )


def _gateway(
    stack: contextlib.ExitStack,
    folder: Path,
    env: Mapping[str, str],
    configuration: str,
    sandbox_url: str,
    tell: Callable[[str], None],
) -> Site:
    def manage(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, str(MANAGE), *arguments]
        return subprocess.run(command, env=dict(env), input=stdin, capture_output=True, text=True)  # noqa: S603

    port = _free_port()
    tell("starting a gateway with an empty ledger of its own ...")
    _checked(manage("migrate", "--verbosity", "0"))
    _checked(manage("apply", "-", stdin=configuration))
    key = _checked(manage("create_key", "--team", "drill", "--name", "drill"))
    started = stack.enter_context(_program(folder, env, "serve", "--no-bootstrap", "--port", str(port)))
    _wait_for(f"http://127.0.0.1:{port}/readyz", started, folder / "serve.log")
    return Site(f"http://127.0.0.1:{port}", sandbox_url, _database_url(folder), key, manage)


def _environment(folder: Path) -> dict[str, str]:
    """Two workers in the region of the first vendor, and no word of what is real."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "gateway_project.settings",
        "PYTHONUNBUFFERED": "1",
        "TALLYGATE_VAR": str(folder / "var"),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "WORKERS": "2",
        "REGION": "us",
    }


@contextlib.contextmanager
def _program(folder: Path, env: Mapping[str, str], *arguments: str) -> Iterator[Process]:
    """``manage.py`` in a process group of its own, its output in ``NAME.log``."""
    with (folder / f"{arguments[0]}.log").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, str(MANAGE), *arguments],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def _stopped_in_order() -> Iterator[None]:
    """SIGTERM, too, leaves nothing running."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _wait_for(url: str, process: Process, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own
            return
        time.sleep(0.1)
    raise DrillFailed(f"{url} did not answer:\n{log.read_text()[-2000:]}")


def _checked(done: "subprocess.CompletedProcess[str]") -> str:
    if done.returncode != 0:
        raise DrillFailed(done.stdout + done.stderr)
    return done.stdout.strip()


def _database_url(folder: Path) -> str:
    """Of the embedded PostgreSQL: the fifth line of its own file names the socket's directory."""
    lines = (folder / "var" / "postgres" / "postmaster.pid").read_text().splitlines()
    return f"postgresql://postgres@/postgres?host={lines[4]}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
