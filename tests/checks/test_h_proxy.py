"""Section H, H8: behind a reverse proxy. The configuration that we ship, in a real nginx."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.checks.faulty import provider, site
from tests.live.house import ROOT, House, free_port, until
from tests.live.surfaces import CHAT, MESSAGES, RESPONSES, SURFACES, Surface

pytestmark = pytest.mark.live

SHIPPED = ROOT / "docs" / "operations" / "nginx.conf"
CONFIGURATION = provider("vendor", idle_timeout=30.0, first_byte_timeout=30.0, total_timeout=60.0)
# As unfriendly to streams as an nginx can be: it packs everything that it may.
AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    gzip on; gzip_types *; gzip_min_length 0; gzip_proxied any;
    {server}
}}
"""
ENVIRONMENT = {"KEEP_ALIVE_SECONDS": "1"}
NewProxy = Callable[..., str]


@pytest.fixture(scope="module", autouse=True)
def _nginx_is_here() -> None:
    """Without one the tests are skipped, or fail where nginx is required."""
    if shutil.which("nginx") is None:
        reason = "no nginx on this machine: apt-get install nginx-light"
        if os.environ.get("REQUIRE_NGINX") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def behind(house: House, tmp_path: Path) -> Iterator[NewProxy]:
    """Starts nginx in front of the house; gives its URL. ``changes`` are made to the shipped file."""
    stops = []

    def start(**changes: str) -> str:
        port = free_port()
        server = SHIPPED.read_text().replace("127.0.0.1:8000", f"127.0.0.1:{house.port}")
        server = server.replace("listen 80;", f"listen 127.0.0.1:{port};")
        for setting, value in changes.items():
            server, times = re.subn(rf"\b{setting} [^;]*;", f"{setting} {value};", server)
            assert times > 0
        stops.append(_nginx(tmp_path, server))
        url = f"http://127.0.0.1:{port}"
        until(lambda: _answers(url), seconds=5, what="nginx answers")
        return url

    yield start
    for process in stops:
        process.terminate()
        process.wait(10)


def _nginx(folder: Path, server: str) -> "subprocess.Popen[bytes]":
    file = folder / "nginx.conf"
    file.write_text(AROUND.format(folder=folder, server=server, user="user root;"))
    return subprocess.Popen(["nginx", "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(file)])


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/healthz").status_code == 200
    except httpx2.TransportError:
        return False


@contextmanager
def streaming(house: House, url: str, surface: Surface) -> Iterator[httpx2.Response]:
    body = surface.body("vendor/m", "hello", stream=True)
    headers = house.headers() | {"accept-encoding": "gzip, br"}
    with httpx2.stream("POST", f"{url}{surface.path}", json=body, headers=headers, timeout=60.0) as answer:
        yield answer


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
@pytest.mark.parametrize("buffering", ["off", "on"])
def test_h8_the_first_byte_comes_at_once_and_the_rest_as_the_vendor_sends_it(
    house: House, behind: NewProxy, surface: Surface, buffering: str
) -> None:
    """Also where somebody left ``proxy_buffering`` on: the answer itself asks for none."""
    url = behind(proxy_buffering=buffering)
    house.vendors.behave(site("vendor", chunk_delay=0.2, chunks=8))
    began = time.monotonic()

    with streaming(house, url, surface) as answer:
        arrivals = [time.monotonic() - began for _ in answer.iter_raw()]

    assert answer.status_code == 200
    assert arrivals[0] < 0.5
    assert len(arrivals) >= 8
    assert arrivals[-1] >= 8 * 0.2


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_h8_event_streams_are_not_packed_and_ask_not_to_be_collected(
    house: House, behind: NewProxy, surface: Surface
) -> None:
    with streaming(house, behind(), surface) as packed:
        packed.read()
    with streaming(house, house.url, surface) as answer:
        answer.read()

    for each in (packed, answer):
        assert each.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in each.headers
        assert "no-transform" in each.headers["cache-control"]
    assert answer.headers["x-accel-buffering"] == "no"  # nginx takes it for itself


@pytest.mark.parametrize(
    ("surface", "knobs"),
    [
        (CHAT, {"latency": 3.0}),
        (MESSAGES, {"latency": 3.0}),
        (RESPONSES, {"chunk_delay": 3.0, "chunks": 2}),
    ],
    ids=["before a chat's answer", "before a message", "within a response"],
)
def test_h8_a_silent_vendor_does_not_cost_the_caller_the_stream(
    house: House, behind: NewProxy, surface: Surface, knobs: dict[str, float]
) -> None:
    """nginx cuts what is silent for 2 s: our comments are the sign of life, between frames, never in one."""
    url = behind(proxy_read_timeout="2s")
    house.vendors.behave(site("vendor", **knobs))

    with streaming(house, url, surface) as answer:
        text = answer.read().decode()

    assert answer.status_code == 200
    blocks = [block for block in text.replace("\r\n", "\n").split("\n\n") if block]
    comments = [block for block in blocks if block.startswith(":")]
    assert comments
    assert all("\n" not in comment for comment in comments)
    assert all(block.startswith((":", "data: ", "event: ")) for block in blocks)
    last = {
        "chat": "data: [DONE]",
        "messages": "event: message_stop",
        "responses": "event: response.completed",
    }
    assert blocks[-1].startswith(last[surface.name])


def test_h8_a_call_cut_off_at_the_proxy_is_booked(house: House, behind: NewProxy) -> None:
    """Cut at nginx after a second: the vendor bills, so the ledger has it."""
    url = behind(proxy_read_timeout="1s")
    house.vendors.behave(site("vendor", latency=2.5, input_tokens=10, output_tokens=20))

    answer = httpx2.post(
        f"{url}/v1/chat/completions", content=house.body("vendor/m"), headers=house.headers(), timeout=30.0
    )

    assert answer.status_code == 504
    until(lambda: house.vendors.calls()[0]["outcome"] != "running", seconds=10, what="the vendor is done")
    row = house.entry_soon(house.vendors.calls()[0]["client_request_id"][:36])
    assert (row["input"], row["output"], row["cost"] > 0) == (10, 20, True)
