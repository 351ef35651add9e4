"""The playground in a browser, against a live gateway: what is shown while an answer streams; its cost."""

import json
import os
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.hashers import make_password
from playwright.sync_api import Browser, Page, sync_playwright

from metering.spend import money
from tests.browser.conftest import FLAGS, PASSWORD, chromium
from tests.live.conftest import *  # noqa: F403 - fixtures are found by their names
from tests.live.house import House

pytestmark = [pytest.mark.browser, pytest.mark.live]
Open = Callable[..., Page]

THINKS = "gemini/gemini-2.5-flash"  # $0.30 in, $2.50 out, per 1,000,000 tokens
ANSWER = "The capital is Paris."
CONFIGURATION = """
[[teams]]
name = "stopped"
models = ["*"]
[[teams.limits]]
amount = "0"
"""
A_PERSON = """
INSERT INTO auth_user (
    username, password, email, first_name, last_name, is_staff, is_active, is_superuser, date_joined
) VALUES ('lea', %s, '', '', '', false, true, false, now())
"""
WHO_LEADS = """
INSERT INTO catalog_team_leads (team_id, user_id)
SELECT t.id, u.id FROM catalog_team t, auth_user u WHERE t.name = 'search' AND u.username = 'lea'
"""
REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (401|404|429|502)")
KEPT = "JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie])"


@pytest.fixture(scope="module")
def led(house_of_module: House) -> None:
    """lea leads search."""
    house_of_module.sql(A_PERSON, make_password(PASSWORD))
    house_of_module.sql(WHO_LEADS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def troubles() -> list[str]:
    """What went wrong in a page, but for refusals that a test wants."""
    return []


@pytest.fixture
def opened(house: House, led: None, browser: Browser, troubles: list[str]) -> Iterator[Open]:
    """Opens /try/ as lea; at the end nothing must have gone wrong."""
    contexts = []

    def open_page(*, width: int = 1280, scheme: str = "light", script: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            java_script_enabled=script,
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        context.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " e => console.error('CSP', e.violatedDirective, e.blockedURI))"
        )
        page = context.new_page()
        page.on("console", lambda said: said.type in ("error", "warning") and troubles.append(said.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "request", lambda asked: stays(asked.url, house.url) or troubles.append(f"went to {asked.url}")
        )
        page.goto(f"{house.url}/login/?next=/try/")
        page.fill("[name=username]", "lea")
        page.fill("[name=password]", PASSWORD)
        page.click("main button[type=submit]")
        page.wait_for_url(f"{house.url}/try/")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [trouble for trouble in troubles if not REFUSED.search(trouble)] == []


def stays(asked: str, url: str) -> bool:
    return asked.startswith((url, "data:", "blob:"))


def choose(page: Page, model: str) -> None:
    page.fill("[name=model]", model)
    page.press("[name=model]", "Tab")


def ask(page: Page, key: str, prompt: str = "") -> None:
    """Sent by the keyboard."""
    page.fill("#key", key)
    if prompt:
        page.fill("#prompt", prompt)
    page.press("#prompt", "Control+Enter")


def ended(page: Page) -> str:
    page.wait_for_selector("#send:enabled", timeout=15_000)
    return page.inner_text("#state")


def figures(page: Page) -> dict[str, str]:
    return {name: page.inner_text(f"#{name}") for name in ("input", "output", "reasoning", "cost", "model")}


def test_an_answer_streams_and_its_cost_is_the_ledgers(opened: Open, house: House) -> None:
    house.vendors.behave({"chunk_delay": 0.25, "chunks": 6, "text": ANSWER})
    page = opened()
    choose(page, THINKS)
    ask(page, house.key)

    page.wait_for_selector("#answer:not(:empty)")
    partial = page.text_content("#answer") or ""
    assert ANSWER.startswith(partial)
    assert partial != ANSWER
    assert page.inner_text("#cost").startswith("about $0.0000")
    assert page.inner_text("#state") == "The answer is being written …"
    page.wait_for_selector("#cost.exact", timeout=15_000)

    assert page.inner_text("#answer") == ANSWER
    assert page.inner_text("#state") == "Done. The cost is exact now, by the ledger."
    request_id = page.inner_text("#request a")
    entry = house.entry(request_id)
    assert figures(page) == {
        "input": "13",
        "output": "6",
        "reasoning": "108",
        "cost": money.exact_usd(entry["cost"]),
        "model": THINKS,
    }
    assert money.exact_usd(entry["cost"]) == "$0.0002889"
    assert (entry["output"], entry["reasoning"]) == (6, 108)
    assert entry["client_request_id"].startswith("playground-")

    assert house.key not in page.url + str(page.evaluate(KEPT))
    page.click("#request a")
    page.wait_for_url(f"{house.url}/spend/entries/{request_id}/")
    assert "$0.0002889" in page.inner_text("main")
    page.go_back()
    page.wait_for_selector("#bench:not([hidden])")
    assert page.input_value("#key") == ""
    assert house.server is not None
    assert house.key not in house.server.output


def test_what_goes_wrong_is_said_in_words_with_the_request(opened: Open, house: House) -> None:
    page = opened(width=390, scheme="dark")
    choose(page, "openai/gpt-4o")

    ask(page, "tg_aaaaaaaa_" + "a" * 40)
    assert ended(page) == "Not answered."
    assert "The key was not accepted (401)." in trouble(page)
    assert uuid.UUID(trouble(page).split()[-1])

    ask(page, house.new_key(team="stopped"))
    ended(page)
    assert "The budget has no room for this call (429)." in trouble(page)
    assert "Limit: 0 USD a month" in trouble(page)
    assert page.get_attribute("#trouble a", "href").startswith("/spend/budgets/")  # type: ignore[union-attr]

    house.vendors.behave({"status": 500})
    ask(page, house.key)
    ended(page)
    assert "The vendor failed (502)." in trouble(page)
    page.wait_for_selector("#cost.exact")
    assert page.inner_text("#cost") == "$0"
    house.forgive()

    house.vendors.behave({"error_in_stream_after": 2, "status": 500, "chunks": 4})
    ask(page, house.key)
    ended(page)
    assert "The stream ended with an error." in trouble(page)
    assert "What was generated until then is still billed." in trouble(page)
    request_id = trouble(page).split()[-1]
    page.wait_for_selector("#cost.exact")
    assert page.inner_text("#cost") == money.exact_usd(house.entry(request_id)["cost"])
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def trouble(page: Page) -> str:
    page.wait_for_selector("#trouble:not([hidden])")
    return page.inner_text("#trouble")


def test_a_stream_that_is_cut_on_its_way_is_no_answer(opened: Open) -> None:
    """What comes to the browser is cut, as by a proxy on the way; and nobody finds such a request."""
    lost = "01a1fd22-2ec4-7025-9baa-82c38324f8b3"
    page = opened()
    head = {"content-type": "text/event-stream", "x-request-id": lost}
    cut = 'data: {"choices": [{"delta": {"content": "Par"}}]}\n\ndata: {"choi'
    page.route("**/v1/chat/completions", lambda route: route.fulfill(status=200, headers=head, body=cut))
    ask(page, "tg_aaaaaaaa_" + "a" * 40)

    assert "The stream broke off before its end." in trouble(page)
    assert f"Request {lost}" in trouble(page)
    assert page.inner_text("#answer") == "Par"
    page.wait_for_selector("#state:has-text('Its exact cost cannot be shown here')")
    assert page.inner_text("#cost").startswith("about $")


def test_who_stops_is_told_that_it_is_billed(opened: Open, house: House) -> None:
    house.vendors.behave({"chunk_delay": 0.3, "chunks": 6})
    page = opened()
    choose(page, "openai/gpt-4o")
    ask(page, house.key)
    page.wait_for_selector("#answer:not(:empty)")
    page.click("#stop")

    assert ended(page).startswith("Stopped. What was generated until then is still billed.")
    page.wait_for_selector("#cost.exact", timeout=20_000)
    entry = house.entry(page.inner_text("#request a"))
    assert entry["outcome"] == "client_closed"
    assert page.inner_text("#cost") == money.exact_usd(entry["cost"])


def test_an_answer_is_shown_as_text(opened: Open, house: House) -> None:
    house.vendors.behave({"text": "<img src=x onerror=alert(1)><b>bold</b>"})
    page = opened()
    choose(page, "openai/gpt-4o")
    ask(page, house.key)
    page.wait_for_selector("#cost.exact")
    assert page.text_content("#answer") == "<img src=x onerror=alert(1)><b>bold</b>"
    assert page.query_selector("#answer *") is None


def test_a_choice_changes_the_code_in_place_and_the_code_runs(opened: Open, house: House) -> None:
    page = opened()
    page.fill("#key", house.key)
    choose(page, THINKS)
    page.select_option("[name=api]", "responses")
    page.select_option("[name=stream]", "no")
    page.wait_for_selector("#snippet-curl:has-text('/v1/responses')")
    page.wait_for_selector("#snippet-curl:not(:has-text('stream'))")
    page.click("#curl button")
    page.wait_for_selector("#curl button:has-text('Copied')")
    copied = str(page.evaluate("navigator.clipboard.readText()"))

    done = subprocess.run(
        ["bash", "-c", copied],
        env={"PATH": os.environ["PATH"], "TALLYGATE_API_KEY": house.key},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert json.loads(done.stdout)["output"][-1]["content"][0]["text"] == "Paris."
    assert page.input_value("#key") == house.key
    assert page.url.endswith("/try/?model=gemini%2Fgemini-2.5-flash&api=responses&stream=no")


def test_without_script_the_code_is_there_and_the_playground_says_what_it_needs(opened: Open) -> None:
    page = opened(script=False)
    shown = page.inner_text("main")
    assert "The playground needs JavaScript" in shown
    assert "curl -sS" in shown
    assert not page.is_visible("#ask")
    assert not page.is_visible("[data-copies]")
    page.select_option("[name=api]", "messages")
    page.click("#show button")
    assert "/v1/messages" in page.inner_text("#snippet-curl")
