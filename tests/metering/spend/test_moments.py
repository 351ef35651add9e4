"""How moments are written: with their zone, whatever the business time zone is."""

import datetime as dt
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.template import Context, Template

from metering.spend import moments, money

AT = dt.datetime(2026, 7, 1, 12, 3, 4, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("UTC", "2026-07-01 12:03 UTC"),
        ("Europe/Berlin", "2026-07-01 14:03 CEST"),
        ("Asia/Dubai", "2026-07-01 16:03 UTC+04"),
        ("America/Sao_Paulo", "2026-07-01 09:03 UTC-03"),
    ],
)
def test_a_moment_says_its_zone(zone: str, said: str) -> None:
    assert moments.written(AT.astimezone(ZoneInfo(zone))) == said


def test_to_the_second() -> None:
    assert moments.written(AT, seconds=True) == "2026-07-01 12:03:04 UTC"


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has a zone"):
        moments.written(AT.replace(tzinfo=None))


def test_pages_write_the_business_time_zone() -> None:
    page = Template(
        "{% load spend %}{{ at|moment }} · {{ at|moment_seconds }} · {{ at|zone }} · {{ none|moment }}"
    )
    said = page.render(Context({"at": AT, "none": None}))

    assert said == f"2026-07-01 12:03 UTC · 2026-07-01 12:03:04 UTC · UTC · {money.NOTHING}"


def test_the_admin_writes_the_zone_too() -> None:
    assert Template("{{ at }}").render(Context({"at": AT})) == "2026-07-01 12:03:04 UTC"


def test_templates_write_moments_with_their_zone_and_days_in_one_order() -> None:
    """Beside the filters for moments only names of months and weekdays, ISO days, and machines' forms."""
    apart = re.compile(r"""\|date:"H:i:s" }} {{ [a-z._]+\|zone }}""")
    allowed = {"Y-m-d", "D Y-m-d", "D", "Y-m", "F Y", "F", "M Y", "l", "j", "c"}
    found = {
        (path.name, pattern)
        for path in (Path(settings.BASE_DIR) / "templates").rglob("*.html")
        for pattern in re.findall(r"""\|date:["']([^"']+)["']""", apart.sub("", path.read_text()))
    }

    assert {one for one in found if one[1] not in allowed} == set()
