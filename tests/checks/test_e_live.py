"""Section E over sockets: what the vendors saw is what is booked."""

import pytest

from tests.checks import faulty
from tests.checks.faulty import KINDS, provider, route, site
from tests.live.house import House

pytestmark = pytest.mark.live

CONFIGURATION = "".join(
    [
        *[provider(f"counted-{kind}", kind) for kind in KINDS],
        provider("failing", max_attempts=3),
        route("failing-or-counted", "failing", "counted-openai"),
    ]
)


def test_e8_every_attempt_that_a_vendor_saw_has_its_row(house: House) -> None:
    """Answered, streamed, refused, retried and failed over: counted at the vendors, and in the ledger."""
    house.vendors.behave(site("failing", status=500))
    before = len(house.vendors.calls())
    for kind in KINDS:
        faulty.answered(house, f"counted-{kind}/m", stream=False)
        faulty.answered(house, f"counted-{kind}/m", stream=True)
    for _ in range(3):
        faulty.answered(house, "failing-or-counted", stream=False)

    assert len(house.vendors.calls()) - before == 8 + 3 * (3 + 1)
    faulty.books_agree_with_vendors(house)
