"""The team story: a lead makes a key, calls with it, sees the call, rotates; the old secret ends by itself.

Pages and calls are of one gateway in processes of its own, as it is served; the vendor is the sandbox.
"""

import contextlib
import datetime as dt
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from django.conf import settings

from tests import factories, own_database
from tests.browser.conftest import PASSWORD, Site, Visit, chromium
from tests.live.house import QUESTION, Databases, Program, environment, free_port, until

pytestmark = [pytest.mark.browser, pytest.mark.live]
Open = Callable[..., Visit]
MODEL = "openai/gpt-4o"
WITHIN = 2.0  # seconds that every worker may take to hear of a key: one, and the machine may be busy
WORKERS = 2
SECRET = re.compile(r"tg_[A-Za-z0-9]{8}_[A-Za-z0-9]{40}")
A_LIMIT = """
INSERT INTO metering_limit (team_id, api_key_id, unit, amount, period, mode, enabled, created_at)
SELECT team_id, id, 'usd', 0.002, 'month', 'hard', true, now() FROM catalog_apikey WHERE prefix = %s
"""
NEARLY_OVER = """
UPDATE catalog_formersecret SET ends_at = now() + interval '3 seconds' WHERE prefix = %s RETURNING ends_at
"""


@dataclass
class Story(Site):
    """A site, and its database for what an operator does in it."""

    database_url: str = ""

    def sql(self, query: str, *parameters: Any) -> Any:
        """The first row, where there is one."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            found = connection.execute(query, parameters)
            return found.fetchone() if found.description else None


@pytest.fixture(scope="module")
def site(
    django_db_setup: Any, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """One gateway for people and for calls."""
    chromium()
    folder = tmp_path_factory.mktemp("team-story")
    with django_db_blocker.unblock(), own_database.copied("story") as name, own_database.used(name):
        env = environment(
            DATABASE_URL=Databases(os.environ["DATABASE_URL"]).url(name),
            TALLYGATE_VAR=str(folder / "var"),
            SECRET_KEY=settings.SECRET_KEY,
        )
        with _sandbox(env, folder) as vendor:
            _company(vendor)
            with _gateway(env, folder) as url:
                yield Story(url=url, request_id="", database_url=env["DATABASE_URL"])


@contextlib.contextmanager
def _sandbox(env: dict[str, str], folder: Path) -> Iterator[str]:
    port = free_port()
    program = Program("sandbox", "--port", str(port), env=env, log=folder / "sandbox.log")
    try:
        program.wait_for(lambda: "listening" in program.output, "the sandbox to listen")
        yield f"http://127.0.0.1:{port}"
    finally:
        program.stop()


@contextlib.contextmanager
def _gateway(env: dict[str, str], folder: Path) -> Iterator[str]:
    port = free_port()
    arguments = ("serve", "--no-bootstrap", "--port", str(port), "--workers", str(WORKERS))
    program = Program(*arguments, env=env, log=folder / "serve.log")
    url = f"http://127.0.0.1:{port}"
    try:
        program.wait_for(lambda: _is_ready(url), "the gateway to be ready")
        yield url
    finally:
        program.kill()


def _is_ready(url: str) -> bool:
    try:
        return bool(httpx2.get(f"{url}/readyz").status_code == 200)
    except httpx2.TransportError:
        return False


def _company(vendor: str) -> None:
    """The team search, led by lea, may call openai's models; the team ads is somebody else's."""
    lea = factories.make_user("lea", role="Team lead")
    lea.set_password(PASSWORD)
    lea.save()
    openai = factories.make_provider("openai", base_url=f"{vendor}/v1")
    openai.set_credential("sk-openai-of-the-gateway")
    openai.save()
    factories.make_price(factories.make_model("gpt-4o", provider=openai, max_output_tokens=1000))
    factories.make_team("search", leads=(lea,), models=["openai/*"], cost_center="CC-100")
    factories.make_key("prod", team=factories.make_team("ads"))


def call(site: Story, secret: str) -> httpx2.Response:
    """On a connection of its own: whichever worker takes it."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 100}
    headers = {"authorization": f"Bearer {secret}"}
    return httpx2.post(f"{site.url}/v1/chat/completions", json=body, headers=headers, timeout=20.0)


def admits(site: Story, secret: str) -> bool:
    return bool(
        httpx2.get(f"{site.url}/v1/models", headers={"authorization": f"Bearer {secret}"}).status_code == 200
    )


def everywhere(site: Story, secret: str, *, admitted: bool) -> None:
    """Wait until the workers agree about ``secret``: a dozen connections in a row."""
    until(
        lambda: all(admits(site, secret) is admitted for _ in range(12)),
        seconds=WITHIN,
        what=f"a secret {'works' if admitted else 'is refused'} everywhere",
    )


def secret_on(seen: Visit) -> str:
    return str(seen.page.text_content("#secret"))


def make_key(seen: Visit, name: str) -> str:
    """From anywhere: a key of the team search. Returns its secret; the browser is at the key's page then."""
    if seen.page.is_visible("button[popovertarget=menu]"):  # on a phone
        seen.page.click("button[popovertarget=menu]")
    seen.page.click("nav >> text=Teams")
    seen.page.click("main table >> text=search")
    seen.page.click("text=New key")
    seen.page.fill("[name=name]", name)
    seen.page.fill("[name=reason]", "evaluation of answers at night")
    seen.page.check("[name=models][value='openai/*']", force=True)
    seen.page.click("text=Make the key")
    secret = secret_on(seen)
    assert f"Bearer {secret}" in seen.page.text_content("main")
    seen.page.click("text=Done: to the key")
    return secret


def rotate(seen: Visit, *, overlap: str) -> str:
    """On a key's page: ask for a new secret. Returns it."""
    seen.page.click("text=Rotate")
    seen.page.select_option("[name=overlap]", overlap)
    seen.page.fill("[name=reason]", "the quarterly rotation")
    seen.page.click("text=Make a new secret")
    return secret_on(seen)


def test_a_lead_makes_a_key_calls_sees_the_call_and_rotates(visit: Open, site: Story) -> None:
    seen = visit(user="lea", width=1440)
    old = make_key(seen, "nightly-builds")

    # A call with it, and the call on the team's page.
    everywhere(site, old, admitted=True)
    first = call(site, old)
    assert first.status_code == 200, first.text
    seen.page.click(".actions >> text=Team")
    row = seen.page.inner_text("#keys tr:has-text('nightly-builds')").split("\t")
    assert row[5] == "1"
    title = seen.page.get_attribute("#keys tr:has-text('nightly-builds') td:nth-child(4) span", "title")
    assert Decimal(title.strip("$")) == Decimal(first.headers["x-tallygate-cost-usd"])

    # A new secret, with the old one beside it for an hour. Once left, its page shows it no more.
    seen.page.click("#keys >> text=nightly-builds")
    key_page = seen.page.url
    new = rotate(seen, overlap="1h")
    assert new[12:] not in seen.page.url
    seen.page.click("text=Done: to the key")
    assert not {old, new} & set(SECRET.findall(seen.page.content()))
    assert new not in behind_the_back_button(seen)
    everywhere(site, new, admitted=True)  # going back did not make another one
    assert [call(site, secret).status_code for secret in (old, new)] == [200, 200]
    seen.open(key_page)  # the address of the old secret leads to the key
    assert "Two secrets work" in seen.page.text_content("main")
    assert seen.page.inner_text(".figure:has-text('Calls today') .big") == "3"  # of both secrets

    # Most of the hour is over: of that the workers are told, of its end nobody tells them.
    (ends_at,) = site.sql(NEARLY_OVER, old[:11])
    assert call(site, old).status_code == 200
    assert dt.datetime.now(dt.UTC) < ends_at
    until(lambda: not admits(site, old), seconds=6, what="the old secret to end")
    assert dt.datetime.now(dt.UTC) >= ends_at
    everywhere(site, old, admitted=False)
    assert refusal(call(site, old)) == "expired_api_key"
    assert call(site, new).status_code == 200
    seen.page.reload()
    assert "Two secrets work" not in seen.page.text_content("main")

    # And the end of the key.
    seen.page.click(".actions >> text=Revoke")
    seen.page.fill("[name=reason]", "the builds have stopped")
    seen.page.click("text=Revoke it now")
    everywhere(site, new, admitted=False)
    assert "the builds have stopped" in seen.page.text_content("main")
    assert seen.troubles == []


def test_a_rotation_is_no_way_around_a_keys_budget(visit: Open, site: Story) -> None:
    """Both secrets spend from the one window of the one key. On a phone."""
    seen = visit(user="lea", width=390, scheme="dark")
    old = make_key(seen, "with-a-budget")
    site.sql(A_LIMIT, old[:11])
    everywhere(site, old, admitted=True)
    until(lambda: refusal(call(site, old)) == "budget_exceeded", seconds=20, what="the budget to be spent")

    new = rotate(seen, overlap="24h")
    assert seen.page.evaluate("document.documentElement.scrollWidth") == 390
    everywhere(site, new, admitted=True)

    assert [refusal(call(site, secret)) for secret in (old, new)] == ["budget_exceeded"] * 2
    seen.page.click("text=Done: to the key")
    assert "key with-a-budget, a month" in seen.page.text_content("main")
    assert seen.page.evaluate("document.documentElement.scrollWidth") == 390
    assert seen.troubles == []


def behind_the_back_button(seen: Visit) -> str:
    """What the browser shows then: of a page that it may not store, that it would have to ask anew."""
    from playwright.sync_api import Error

    def shown() -> str:
        try:
            return str(seen.page.content())
        except Error:  # on its way still
            return ""

    before = seen.troubles[:]
    with contextlib.suppress(Error):
        seen.page.go_back(timeout=5_000)
    content = until(shown, seconds=5, what="the page behind the back button")
    seen.troubles[:] = before  # that it cannot show it is what is wanted
    return content


def refusal(answer: httpx2.Response) -> str:
    """The code of a refusal; empty for an answer."""
    return "" if answer.status_code == 200 else str(answer.json()["error"]["code"])
