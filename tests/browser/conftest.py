"""A real Chromium, and the pages served from a database of the test's own with a month of spend in it."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test.testcases import LiveServerThread
from django.utils import timezone

from metering.usage import Usage
from tests import factories, own_database

PASSWORD = "a long enough one"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
INSTALL = "apt-get install chromium"


@dataclass
class Site:
    """The live pages: their address, and the request that the tests open."""

    url: str
    request_id: str


@dataclass
class Visit:
    """A page in the browser, and everything that went wrong in it."""

    page: Any
    troubles: list[str] = field(default_factory=list)

    def open(self, url: str) -> None:
        self.page.goto(url)
        if self.page.query_selector(".chart"):
            self.page.wait_for_selector(".chart[data-drawn]", timeout=15_000)


def chromium() -> str:
    """The browser's path; without one the test is skipped, or fails where browsers are required."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found:
        return found
    reason = f"no Chromium on this machine: {INSTALL}"
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def site(django_db_setup: Any, django_db_blocker: Any) -> Iterator[Site]:
    chromium()
    with django_db_blocker.unblock(), own_database.copied("browser") as name, own_database.used(name):
        request_id = _month_of_spend()
        server = LiveServerThread("127.0.0.1", lambda application: application, connections_override={})
        server.daemon = True
        server.start()
        server.is_ready.wait()
        assert server.error is None
        yield Site(url=f"http://127.0.0.1:{server.port}", request_id=request_id)
        server.terminate()


@pytest.fixture
def visit(site: Site) -> Iterator[Callable[..., Visit]]:
    """Opens a logged-in page: ``visit(width=390, scheme="dark")``."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)

        def opened(
            *, width: int = 1280, height: int = 900, scheme: str = "light", user: str = "root"
        ) -> Visit:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
            )
            context.add_init_script(
                "addEventListener('securitypolicyviolation',"
                " e => console.error('CSP', e.violatedDirective, e.blockedURI))"
            )
            seen = Visit(context.new_page())
            seen.page.on("console", lambda m: m.type in ("error", "warning") and seen.troubles.append(m.text))
            seen.page.on("pageerror", lambda error: seen.troubles.append(str(error)))
            seen.page.on(
                "request",
                lambda r: (
                    r.url.startswith((site.url, "data:", "blob:")) or seen.troubles.append(f"went to {r.url}")
                ),
            )
            seen.page.goto(f"{site.url}/login/")
            seen.page.fill("[name=username]", user)
            seen.page.fill("[name=password]", PASSWORD)
            seen.page.click("main button[type=submit]")
            seen.page.wait_for_url(f"{site.url}/spend/")
            return seen

        yield opened
        browser.close()


def _month_of_spend() -> str:
    User.objects.create_superuser("root", password=PASSWORD)
    factories.make_user("lea", role="Team lead")
    haiku = factories.make_model(
        "claude-haiku-4-5", provider=factories.make_provider("anthropic", kind="anthropic")
    )
    flash = factories.make_model(
        "gemini-2.5-flash", provider=factories.make_provider("gemini", kind="gemini")
    )
    prices = {
        haiku: factories.make_price(haiku, input="1.00", output="5.00"),
        flash: factories.make_price(flash, input="0.30", output="2.50"),
    }
    now = timezone.now()
    for name in ("search", "ads", "a-team-with-quite-a-long-name-for-a-phone"):
        key = factories.make_key(team=factories.make_team(name))
        for model, price in prices.items():
            reasoning = 108 if model == flash else 0
            usage = Usage(input=13, output=4, reasoning=reasoning)
            factories.make_entry(key=key, model=model, price=price, usage=usage, started_at=now)
    lost = factories.make_entry(key=key, model=flash, cost_reason="lost", exposure="0.25", started_at=now)
    return str(lost.request_id)
