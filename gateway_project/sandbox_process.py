"""The sandbox beside the gateway: a process of its own, ended with the one that started it."""

import atexit
import os
import secrets
import socket
import subprocess
import sys
import time

from gateway_project import child_environment
from gateway_project.env import BASE_DIR, var_dir

START_SECONDS = 20.0


def start(*, preferred_port: int) -> str:
    """Start ``manage.py sandbox`` on a free port; return its base URL (without a version)."""
    port = preferred_port if _is_free(preferred_port) else _any_free_port()
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, str(BASE_DIR / "manage.py"), "sandbox", "--with-parent", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env=environment(),
    )
    atexit.register(_stop, process, os.getpid())
    _wait(process, port)
    return f"http://127.0.0.1:{port}"


def environment() -> dict[str, str]:
    """No credential, no database and, instead of our SECRET_KEY, one that opens nothing."""
    return child_environment.harmless(os.environ) | {
        "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "gateway_project.settings"),
        "TALLYGATE_VAR": str(var_dir()),
        "SECRET_KEY": secrets.token_urlsafe(48),
    }


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the sandbox ended at once with exit code {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the sandbox did not listen on port {port} within {START_SECONDS:.0f} s")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):  # taken, or beyond 65535
            return False
        return True


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _stop(process: "subprocess.Popen[bytes]", owner: int) -> None:
    """Forked workers inherit this handler and must not run it."""
    if os.getpid() == owner and process.poll() is None:
        process.terminate()
        process.wait(timeout=10)
