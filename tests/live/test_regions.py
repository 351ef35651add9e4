"""A gateway in eu, over providers in several regions that sell the same model."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checks import faulty
from tests.live.house import Databases, House, Vendors, until

pytestmark = pytest.mark.live


def sold_in(region: str, *, priority: int = 100) -> str:
    """The provider of that region, selling ``m``."""
    named = f'[[providers]]\nname = "{region}"\n'
    placed = f'{named}region = "{region}"\npriority = {priority}\n'
    return faulty.provider(region).replace(named, placed)


CONFIGURATION = "".join(
    [
        sold_in("asia"),
        sold_in("eu"),
        sold_in("us"),
        faulty.route("as-the-admin-says", "us", "eu"),
    ]
)


@pytest.fixture(scope="module")
def _in_eu(
    databases: Databases,
    configured: tuple[str, str],
    vendors_of_session: Vendors,
    folder: Path,
    settings_of_houses: dict[str, str],
) -> Iterator[House]:
    template, key = configured
    name = databases.create(template=template)
    house = House(
        database_url=databases.url(name),
        vendors=vendors_of_session,
        key=key,
        folder=folder,
        workers=1,
        env=settings_of_houses | {"REGION": "eu"},
    )
    try:
        house.apply(CONFIGURATION)
        yield house.start()
    finally:
        house.close()
        databases.drop(name)


@pytest.fixture
def house(_in_eu: House, vendors: Vendors) -> Iterator[House]:
    yield _in_eu
    faulty.books_agree_with_vendors(_in_eu)


def test_the_own_region_serves_what_several_sell(house: House) -> None:
    assert {house.chat("m").status_code for _ in range(5)} == {200}
    assert faulty.sites_asked(house) == ["eu"] * 5


def test_another_region_serves_when_the_own_one_fails(house: House) -> None:
    house.vendors.behave(faulty.site("eu", status=500))
    answer = house.chat("m")
    assert answer.status_code == 200
    assert faulty.sites_asked(house, answer.headers["x-request-id"]) == ["eu", "asia"]


def test_an_admins_order_is_kept(house: House) -> None:
    assert house.chat("as-the-admin-says").status_code == 200
    assert faulty.sites_asked(house) == ["us"]


def test_a_better_priority_goes_before_the_own_region(house: House) -> None:
    house.apply(sold_in("us", priority=10))

    def asks_us_first() -> bool:
        answer = house.chat("m")
        return faulty.sites_asked(house, answer.headers["x-request-id"]) == ["us"]

    until(asks_us_first, seconds=2, what="the better priority is known")
    house.apply(sold_in("us"))
