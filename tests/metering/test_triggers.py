"""What the database does by itself, whoever writes: the ledger only grows, limits keep their scope."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from metering.models import CostEntry, Limit
from tests.metering import house as h
from tests.metering.house import House


def booked(house: House) -> CostEntry:
    h.settle(h.entry(house, tokens={"input": 10}, cost="0.50"))
    return CostEntry.objects.get()


@pytest.mark.parametrize(
    ("word", "write"),
    [
        ("UPDATE", lambda entry: CostEntry.objects.filter(pk=entry.pk).update(cost="0.40")),
        ("UPDATE", lambda entry: CostEntry.objects.filter(pk=entry.pk).update(cost=entry.cost)),
        ("DELETE", lambda entry: CostEntry.objects.filter(pk=entry.pk)._raw_delete("default")),
        ("TRUNCATE", lambda entry: connection.cursor().execute("TRUNCATE metering_costentry")),
    ],
)
def test_the_ledger_only_grows(house: House, word: str, write: Callable[[CostEntry], Any]) -> None:
    entry = booked(house)
    connection.check_constraints()

    with pytest.raises(IntegrityError, match=f"the ledger only grows: {word}"), transaction.atomic():
        write(entry)

    assert CostEntry.objects.get().cost == entry.cost


@pytest.mark.parametrize(
    "change",
    [
        lambda house: {"unit": "tokens"},
        lambda house: {"period": "day"},
        lambda house: {"api_key_id": house.key},
        lambda house: {"model_id": house.model},
    ],
)
def test_scope_unit_and_period_of_a_limit_never_change(
    house: House, change: Callable[[House], dict[str, Any]]
) -> None:
    limit = h.make_limit(house, "10")

    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        Limit.objects.filter(pk=limit.pk).update(**change(house))


@pytest.mark.parametrize("change", [{"amount": 20}, {"enabled": False}, {"mode": "soft"}])
def test_amount_mode_and_enabled_of_a_limit_may_change(house: House, change: dict[str, Any]) -> None:
    limit = h.make_limit(house, "10")

    assert Limit.objects.filter(pk=limit.pk).update(**change) == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda house, limit: h.make_limit(house, "10", unit="tokens"),
        lambda house, limit: Limit.objects.filter(pk=limit.pk).update(amount=20),
        lambda house, limit: Limit.objects.filter(pk=limit.pk).delete(),
    ],
    ids=["insert", "update", "delete"],
)
def test_every_worker_is_told_of_a_changed_limit(
    own: str, own_house: House, write: Callable[..., Any]
) -> None:
    limit = h.make_limit(own_house, "10")
    with psycopg.connect(own, autocommit=True) as listener:
        listener.execute("LISTEN tallygate_configuration")
        write(own_house, limit)

        told = [(note.channel, note.payload) for note in listener.notifies(timeout=5, stop_after=1)]

    assert told == [("tallygate_configuration", "metering_limit")]
