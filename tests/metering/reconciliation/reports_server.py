"""The vendors' endpoints for costs and usage: a real HTTP server with their paging, refusals and shapes."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ADMIN_KEYS = {"authorization": "Bearer sk-admin-right", "x-api-key": "sk-ant-admin-right"}


@dataclass
class Vendor:
    """``pages`` of each path in their order; ``troubles`` are answered first: (status, headers, body)."""

    pages: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    troubles: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    address: str = ""

    def answer(self, path: str, query: dict[str, list[str]], headers: Any) -> tuple[int, dict[str, str], str]:
        self.asked.append((path, query))
        if self.troubles:
            return self.troubles.pop(0)
        if not any(headers.get(name) == key for name, key in ADMIN_KEYS.items()):
            sent = headers.get("authorization", headers.get("x-api-key"))
            return 401, {}, f'{{"error": {{"message": "Incorrect API key provided: {sent}"}}}}'
        number = int(query.get("page", ["page_0"])[0].removeprefix("page_"))
        pages = self.pages[path]
        more = number + 1 < len(pages)
        following = {"has_more": more, "next_page": f"page_{number + 1}" if more else None}
        return 200, {}, json.dumps(pages[number] | following)


@contextlib.contextmanager
def running() -> Iterator[Vendor]:
    vendor = Vendor()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            status, headers, body = vendor.answer(url.path, parse_qs(url.query), self.headers)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        vendor.address = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield vendor
        finally:
            server.shutdown()
            thread.join(5)
