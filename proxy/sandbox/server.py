"""Running the sandbox: in the foreground for a person, in a thread for a test."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import uvicorn

from proxy.sandbox.app import Sandbox

START_TIMEOUT = 10.0


def serve(*, host: str, port: int, latency: float, seed: int, announce: Callable[[str], None]) -> None:
    """Serve until interrupted. ``announce`` gets one line when the sandbox listens."""
    with _listening(host, port) as listener:
        server = uvicorn.Server(_config(Sandbox(latency=latency, seed=seed)))
        announce(f"sandbox listening on http://{host}:{listener.getsockname()[1]}")
        # uvicorn has shut down in order by the time it passes the interrupt on.
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


@contextlib.contextmanager
def running(*, latency: float = 0.0, seed: int = 0) -> Iterator[str]:
    """A sandbox in a thread on a free port of 127.0.0.1, as its base URL without a version."""
    with _listening("127.0.0.1", 0) as listener:
        server = uvicorn.Server(_config(Sandbox(latency=latency, seed=seed)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        _wait_until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
            thread.join(START_TIMEOUT)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    # Connections wait here from now on, so the announced line is true before the loop runs.
    listener.listen(2048)
    return listener


def _config(sandbox: Sandbox) -> uvicorn.Config:
    return uvicorn.Config(
        sandbox,
        lifespan="off",
        ws="none",
        access_log=False,
        # An answer that is cut on purpose is an error to uvicorn.
        log_level="critical",
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        # Longer than any client keeps a connection, so that a kept one is never closed under a request.
        timeout_keep_alive=300,
        timeout_graceful_shutdown=1,
    )


def _wait_until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError("the sandbox did not start")
        time.sleep(0.005)
