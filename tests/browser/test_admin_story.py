"""The admin story, with people, a browser and real calls: Ann drafts a price for a model and sees what it
would change; Bob approves it; the next call through the gateway costs what it says.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import FLAGS, chromium
from tests.live.conftest import *  # noqa: F403 - fixtures are found by their names
from tests.live.house import House, until

pytestmark = [pytest.mark.browser, pytest.mark.live]

PASSWORD = "a long enough one"
PEOPLE = """
from django.contrib.auth.models import Group, User
for name, role in (("ann", "Catalog admin"), ("bob", "Approver")):
    User.objects.create_user(name, password=%r, is_staff=True).groups.add(Group.objects.get(name=role))
"""
MODEL = "local/llama"  # 13 tokens in at $0.05 and 4 out at $0.08, per 1,000,000
BEFORE, AFTER = Decimal("0.00000097"), Decimal("0.000034")


@pytest.fixture
def staffed(house: House) -> House:
    done = house.manage("shell", "-c", PEOPLE % PASSWORD)
    assert done.returncode == 0, done.stderr
    return house


@pytest.fixture
def desk(staffed: House) -> Iterator[Callable[[str], Page]]:
    """A browser of somebody's own, logged in; at the end nothing must have gone wrong in any."""
    troubles: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield lambda name: _logged_in(browser, staffed.url, name, troubles)
        browser.close()
    assert troubles == []


def _logged_in(browser: Browser, url: str, name: str, troubles: list[str]) -> Page:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.add_init_script(
        "addEventListener('securitypolicyviolation',"
        " e => console.error('CSP', e.violatedDirective, e.blockedURI))"
    )
    page = context.new_page()
    page.on("console", lambda said: said.type in ("error", "warning") and troubles.append(said.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda asked: _stays(asked.url, url) or troubles.append(f"went to {asked.url}"))
    page.goto(f"{url}/login/?next=/admin/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url(f"{url}/admin/")
    return page


def _stays(asked: str, url: str) -> bool:
    return asked.startswith((url, "data:", "blob:"))


def _costs(house: House) -> Decimal:
    return Decimal(house.chat(MODEL).headers["x-tallygate-cost-usd"])


def _concern(page: Page, kind: str) -> Any:
    return page.locator(f".attention [data-kind={kind}]")


def test_a_new_price_is_drafted_looked_at_approved_and_charged(
    staffed: House, desk: Callable[[str], Page]
) -> None:
    assert _costs(staffed) == BEFORE
    [known] = staffed.sql(
        "SELECT p.id FROM catalog_price p JOIN catalog_languagemodel m ON m.id = p.model_id"
        " WHERE m.name = 'llama'"
    )

    ann = desk("ann")
    ann.goto(f"{staffed.url}/admin/catalog/price/?q=llama")
    ann.click(f"a[href$='?from={known['id']}']")
    ann.fill("[name=effective_from_1]", "00:00:00")
    ann.fill("[name=input]", "2.00")
    ann.fill("[name=output]", "2.00")
    begins = staffed.sql("SELECT to_char(now() + interval '2 seconds', 'YYYY-MM-DD HH24:MI:SS') AS at")[0][
        "at"
    ]
    ann.fill("[name=effective_from_0]", begins[:10])
    ann.fill("[name=effective_from_1]", begins[11:])
    ann.fill("[name=note]", "the vendor's letter of today")
    ann.click("[name=_save]")
    ann.wait_for_selector("text=Nothing is priced by it until another person accepts it")
    draft = ann.url
    shown = " ".join(ann.inner_text("main").split())
    assert re.search(r"This price changes \w+ \d{4} by \+\$0\.00003303 over 1 call, had it held", shown), (
        shown
    )
    assert not ann.is_visible("button[value=accept]")

    bob = desk("bob")
    assert "price draft waits for your decision." in _concern(bob, "drafts").inner_text()
    _concern(bob, "drafts").get_by_role("link").click()
    bob.check("input.action-select")
    bob.select_option("[name=action]", "accept")
    bob.click("button[name=index]")
    asked = " ".join(bob.inner_text("main").split())
    assert "by +$0.00003303, had they held since the first." in asked
    assert _costs(staffed) == BEFORE  # asked, and nothing done
    bob.fill("[name=reason]", "seen the letter")
    bob.click("button:has-text('Accept')")
    bob.wait_for_selector("text=1 accepted.")

    until(lambda: _costs(staffed) == AFTER, seconds=5, what="the new price", every=0.1)
    [entry] = staffed.sql(
        "SELECT e.cost, p.note, p.id <> %s AS is_new FROM metering_costentry e"
        " JOIN catalog_price p ON p.id = e.price_id ORDER BY e.id DESC LIMIT 1",
        known["id"],
    )
    story = "Drafted by ann, accepted by bob: the vendor's letter of today"
    assert (entry["cost"], entry["note"], entry["is_new"]) == (AFTER, story, True)

    bob.goto(draft)
    bob.click("text=History")
    assert "seen the letter" in bob.inner_text(".audit-trail")
    bob.goto(f"{staffed.url}/admin/catalog/languagemodel/?q=llama")
    bob.click("#result_list .field-name a")
    bob.wait_for_selector(".price-history .chart[data-drawn]")
    bob.click(".price-history summary")
    assert [row.split("\t")[2] for row in bob.inner_text(".price-history tbody").splitlines()] == [
        "in force",
        "ended",
    ]
