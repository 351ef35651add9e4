"""The live tests' gateway (``house``), and a vendor that repeats in its errors whatever it was sent."""

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from tests.live.conftest import (
    _quiet_clients,
    configured,
    databases,
    folder,
    house,
    house_of_module,
    new_house,
    settings_of_houses,
    vendors,
    vendors_of_session,
)

__all__ = [
    "_quiet_clients",
    "configured",
    "databases",
    "folder",
    "house",
    "house_of_module",
    "new_house",
    "settings_of_houses",
    "vendors",
    "vendors_of_session",
]


class Parrot(http.server.BaseHTTPRequestHandler):
    """The field ``user`` says how to answer; every word of the request may come back."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers["authorization"].removeprefix("Bearer ")
        prompt = body["messages"][-1]["content"]
        error = {"message": f"{key} may not ask: {prompt}", "code": f"code {key}", "param": key}
        match body["user"]:
            case "refused":
                self._answer(400, json.dumps({"error": error | {"type": "invalid_request_error"}}).encode())
            case "rejected":
                self._answer(401, json.dumps({"error": error | {"type": "authentication_error"}}).encode())
            case "broken":
                self._answer(500, f"<html><title>{key}: {prompt}</title></html>".encode())
            case _:
                self._answer(302, b"", location=f"http://127.0.0.1:1/{key}")

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def parrot() -> Iterator[str]:
    """Its base URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
