"""Closings, their parts, waivers and reopenings."""

import datetime as dt
import itertools
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from metering.models import (
    BillingPeriod,
    ClosedBlock,
    ClosedLine,
    ClosedTeam,
    Closing,
    ClosingWaiver,
    Reopening,
)
from tests.factories import make_team
from tests.metering.constraint_cases.case import Case
from tests.metering.constraint_cases.ledger import twice
from tests.metering.house import AT, House

MONTH = dt.date(2026, 11, 1)
DIGEST = "0" * 64
_versions = itertools.count(1)


def closing(house: House, **values: Any) -> Closing:
    period, _ = BillingPeriod.objects.get_or_create(month=MONTH, defaults={"status": "closing"})
    columns = {
        "version": next(_versions),
        "closed_at": AT,
        "closed_by": "ann",
        "time_zone": "UTC",
        "entries": 0,
        "unpriced": 0,
        "amount": Decimal(0),
        "price_list": DIGEST,
        "names": {},
        "layout": 1,
        "head": DIGEST,
    }
    return Closing.objects.create(**{"period": period, **columns, **values})


def team(house: House, **values: Any) -> ClosedTeam:
    columns = {"number": 1, "team_id": house.team, "name": "search", "entries": 0, "unpriced": 0}
    columns |= {"exposure": Decimal(0), "amount": Decimal(0), "digest": DIGEST}
    if "closing" not in values:
        columns["closing"] = closing(house)
    return ClosedTeam.objects.create(**{**columns, **values})


def line(house: House, **values: Any) -> ClosedLine:
    columns = {"position": 1, "model_id": house.model, "model_name": "openai/gpt-4o", "variant": "standard"}
    columns |= {"basis": "price", "entries": 1}
    if "closed_team" not in values:
        columns["closed_team"] = team(house)
    return ClosedLine.objects.create(**{**columns, **values})


def two_teams(house: House, numbers: tuple[int, int], *, same: bool) -> None:

    of = closing(house)
    team(house, closing=of, number=numbers[0])
    team(house, closing=of, number=numbers[1], team_id=house.team if same else make_team("ads").pk)


def two_lines(house: House, *positions: int) -> None:
    of = team(house)
    for position in positions:
        line(house, closed_team=of, position=position)


def two_blocks(house: House, *positions: int) -> None:
    of = team(house)
    for position in positions:
        ClosedBlock.objects.create(closed_team=of, position=position, marks=b"")


def waiver(house: House, **values: Any) -> ClosingWaiver:
    period, _ = BillingPeriod.objects.get_or_create(month=MONTH)
    columns = {"version": 1, "obstacle": "unpriced", "count": 1, "reason": "small", "waived_by": "ann"}
    return ClosingWaiver.objects.create(**{"period": period, "waived_at": AT, **columns, **values})


def asked(house: House, **values: Any) -> Reopening:
    person, _ = User.objects.get_or_create(username="ann")
    if "closing" not in values:
        values["closing"] = closing(house)
    return Reopening.objects.create(
        **{"reason": "late invoice", "asked_by": person, "asked_at": AT, **values}
    )


def decided(house: House, by: str, **values: Any) -> Reopening:
    person, _ = User.objects.get_or_create(username=by)
    return asked(house, **{"state": "approved", "decided_by": person, "decided_at": AT, **values})


def two_asked(house: House, *, one_decided: bool) -> None:
    of = closing(house)
    (decided(house, "bob", closing=of) if one_decided else asked(house, closing=of))
    asked(house, closing=of)


CASES: dict[str, Case] = {
    "closing_once_per_version": (
        lambda x: twice(closing, x, {"version": 1}, {"version": 2}),
        lambda x: twice(closing, x, {"version": 1}, {"version": 1}),
    ),
    "closing_version_counts_from_one": (lambda x: closing(x, version=1), lambda x: closing(x, version=0)),
    "closing_says_who": (lambda x: closing(x), lambda x: closing(x, closed_by="")),
    "closing_sealed": (lambda x: closing(x, head="a" * 64), lambda x: closing(x, head="A" * 64)),
    "closing_counts_entries": (
        lambda x: closing(x, entries=2, last_entry=7),
        lambda x: closing(x, entries=2),
    ),
    "closed_team_once": (
        lambda x: two_teams(x, (1, 2), same=False),
        lambda x: two_teams(x, (1, 2), same=True),
    ),
    "closed_team_numbered_once": (
        lambda x: two_teams(x, (1, 2), same=False),
        lambda x: two_teams(x, (1, 1), same=False),
    ),
    "closed_team_counts_from_one": (lambda x: team(x), lambda x: team(x, number=0)),
    "closed_team_sealed": (lambda x: team(x), lambda x: team(x, digest="")),
    "closed_line_once_per_position": (lambda x: two_lines(x, 1, 2), lambda x: two_lines(x, 1, 1)),
    "closed_line_basis_known": (lambda x: line(x, basis="reported"), lambda x: line(x, basis="guess")),
    "closed_line_quantity_has_bucket": (
        lambda x: line(x, bucket="input", quantity=0, rate=Decimal(1)),
        lambda x: line(x, quantity=5),
    ),
    "closed_block_once_per_position": (lambda x: two_blocks(x, 0, 1), lambda x: two_blocks(x, 0, 0)),
    "closing_waiver_says_who_and_why": (lambda x: waiver(x), lambda x: waiver(x, reason="")),
    "reopening_one_open_each": (
        lambda x: two_asked(x, one_decided=True),
        lambda x: two_asked(x, one_decided=False),
    ),
    "reopening_says_why": (lambda x: asked(x), lambda x: asked(x, reason="")),
    "reopening_state_known": (
        lambda x: decided(x, "bob", state="denied"),
        lambda x: decided(x, "bob", state="maybe"),
    ),
    "reopening_decided_or_open": (lambda x: decided(x, "bob"), lambda x: asked(x, state="approved")),
    "reopening_approved_by_another": (
        lambda x: decided(x, "ann", self_approved=True),
        lambda x: decided(x, "ann"),
    ),
}
