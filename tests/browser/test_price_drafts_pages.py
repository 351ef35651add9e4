"""Drafts of prices as people meet them in the admin: in a browser, on a phone, in the dark."""

import datetime as dt
from collections.abc import Callable

import pytest
from django.utils import timezone

from catalog import feeds
from catalog.models import LanguageModel, PriceProposal
from metering.usage import Usage
from tests import factories
from tests.browser.conftest import Site, Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
Open = Callable[..., Visit]

DRAFTS = "/admin/catalog/priceproposal"
LIST = "provider,model,input,output\nanthropic,claude-haiku-4-5,3,15\nanthropic,claude-haiku-4-5,1,5\n"
SCREENS = pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])


@pytest.fixture(scope="module")
def draft(site: Site) -> str:
    """The page of Ann's draft for a model with calls, one of them of unknown cost."""
    now = timezone.now()
    model = LanguageModel.objects.get(name="claude-haiku-4-5")
    price, key = model.prices.get(), factories.make_key("batch", team=factories.make_team("search"))
    factories.make_entry(key=key, model=model, usage=Usage(input=1_000_000), started_at=now)
    usage = Usage(input=205_000_000)
    factories.make_entry(key=key, model=model, price=price, usage=usage, started_at=now)
    feeds.succeeded(name="genai-prices", source="genai-prices 0.2.3", at=now - dt.timedelta(days=8))
    made = PriceProposal.objects.create(
        model=model,
        current=price,
        effective_from=now + dt.timedelta(days=9),
        rates={"input": "2.1875", "output": "4.375", "cache_read": "0.21875"},
        list_rates={"input": "2.5", "output": "5", "cache_read": "0.25"},
        reason="changed: input 1 -> 2.1875, output 5 -> 4.375, cache_read unknown -> 0.21875",
        source="admin: ann",
        made_by="ann",
    )
    return f"{site.url}{DRAFTS}/{made.pk}/change/"


@pytest.fixture(scope="module")
def form(site: Site) -> str:
    """The form of a draft that begins as gemini's price."""
    price = LanguageModel.objects.get(name="gemini-2.5-flash").prices.get()
    return f"{site.url}{DRAFTS}/add/?from={price.pk}"


def words(seen: Visit, where: str = "main") -> str:
    """What is read there. The page itself never scrolls sideways; wide tables do so by themselves."""
    assert seen.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    return " ".join(seen.page.inner_text(where).split())


@SCREENS
def test_what_is_wrong_what_a_draft_would_change_and_what_a_file_would_draft(
    site: Site, draft: str, visit: Open, width: int, scheme: str
) -> None:
    seen = visit(width=width, scheme=scheme)

    seen.open(f"{site.url}/admin/")
    said = words(seen, ".attention")
    assert "anthropic/claude-haiku-4-5 (1)" in said
    assert "1 source of prices compared with the catalog long ago, last: genai-prices 0.2.3 on" in said
    assert "1 price draft waits for your decision." in said

    seen.open(draft)
    said = words(seen)
    assert "by +$243.4375388125 over 4 calls" in said
    assert "It would price 1 unpriced call: $2.1875." in said
    assert seen.page.is_visible("button[value=accept]")

    seen.open(f"{site.url}{DRAFTS}/import/")
    file = {"name": "prices.csv", "mimeType": "text/csv", "buffer": LIST.encode()}
    seen.page.set_input_files("[name=price_list]", file)
    seen.page.click("[value^='Look at']")
    seen.page.wait_for_selector("[value='Make these drafts']")
    assert "1 new draft, 1 row that changes nothing" in words(seen)

    assert seen.troubles == []


def test_the_form_drafts_at_a_discount(form: str, visit: Open) -> None:
    seen = visit(width=390)
    seen.open(form)
    for name in ("input", "output"):
        seen.page.fill(f"[name={name}]", "")
    seen.page.click("fieldset.collapse summary")
    for name, value in (("discount", "50"), ("list_input", "0.30"), ("list_output", "2.50")):
        seen.page.fill(f"[name={name}]", value)
    seen.page.click("[name=_save]")
    seen.page.wait_for_selector("button[value=accept]")

    assert "input 0.3 0.3 50 % 0.15" in words(seen)
    assert seen.troubles == []
