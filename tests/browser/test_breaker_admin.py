"""The breakers' admin on a phone: whoever is on call may have nothing else at hand."""

from collections.abc import Callable

import pytest
from django.utils import timezone

from catalog.models import LanguageModel
from proxy.models import Breaker
from tests.browser.conftest import Site, Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
WIDTH = 390
COLUMNS = (
    "[...document.querySelectorAll('#result_list thead th .text')].map(e => e.innerText.trim().toLowerCase())"
)


@pytest.fixture(scope="module")
def page(site: Site) -> str:
    """The list, with one that is open."""
    flash, now = LanguageModel.objects.get(name="gemini-2.5-flash"), timezone.now()
    Breaker.objects.get_or_create(
        provider=flash.provider, model=flash, defaults={"state": "open", "opened_at": now, "changed_at": now}
    )
    return f"{site.url}/admin/proxy/breaker/"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_action_and_its_note_are_wide_enough_to_be_used(
    page: str, visit: Callable[..., Visit], scheme: str
) -> None:
    seen = visit(width=WIDTH, scheme=scheme)
    seen.open(page)

    action, note = (
        seen.page.locator(f"#changelist .actions {of}").bounding_box()
        for of in ("select[name=action]", "input[name=note]")
    )

    assert action["width"] > 200
    assert note["width"] > 200
    assert note["y"] >= action["y"] + action["height"]
    assert action["x"] + action["width"] <= WIDTH
    assert seen.troubles == []


def test_the_state_comes_first(page: str, visit: Callable[..., Visit]) -> None:
    seen = visit(width=WIDTH)
    seen.open(page)

    assert seen.page.evaluate(COLUMNS)[1:4] == ["state", "provider", "model"]
