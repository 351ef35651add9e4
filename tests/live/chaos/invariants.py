"""DESIGN.md's invariants of money, one assertion each, and the two that only a vendor's own log can show."""

import json
import uuid
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import psycopg
import pytest

from tests.live.chaos.configuration import PRICES
from tests.live.chaos.traffic import Outcome
from tests.live.house import House, Row

MILLION = Decimal(1_000_000)
# Entries that may stand for a call that no vendor saw: it was set aside for, and then not made.
NOT_MADE = ("lost", "client_closed", "error")


def entries(house: House) -> list[Row]:
    """The ledger, oldest first, each row with its provider's name."""
    return house.sql(
        "SELECT e.*, p.name AS provider FROM metering_costentry e JOIN catalog_languagemodel m"
        " ON m.id = e.model_id JOIN catalog_provider p ON p.id = m.provider_id ORDER BY e.id"
    )


def one_money_is_exact(ledger: Sequence[Row], outcomes: Sequence[Outcome]) -> None:
    """Every priced row costs its usage at its provider's rates, to the last digit; so callers were told."""
    priced = [row for row in ledger if row["cost"] is not None and row["cost_reason"] == ""]
    assert priced
    for row in priced:
        assert row["cost"] == _price(row), row
    costs: dict[str, Decimal] = {}
    for row in priced:
        costs[str(row["request_id"])] = row["cost"]
    told = {
        outcome.request_id: outcome.headers["x-tallygate-cost-usd"]
        for outcome in outcomes
        if outcome.is_whole and "x-tallygate-cost-usd" in outcome.headers
    }
    assert told
    assert {request_id: Decimal(cost) for request_id, cost in told.items()} == {
        request_id: costs[request_id] for request_id in told
    }


def _price(row: Row) -> Decimal:
    rate_in, rate_out = (Decimal(rate) for rate in PRICES[row["provider"]])
    inputs = row["input"] + row["cache_read"] + row["cache_write_5m"] + row["cache_write_1h"]
    price: Decimal = (inputs * rate_in + (row["output"] + row["reasoning"]) * rate_out) / MILLION
    return price


def two_nothing_is_open_and_every_whole_answer_is_booked(
    house: House, ledger: Sequence[Row], outcomes: Sequence[Outcome]
) -> None:
    """Hold, call, settle: nobody holds a finished answer that the ledger does not know."""
    assert house.open_holds() == 0
    good = {str(row["request_id"]) for row in ledger if row["outcome"] == "ok"}
    whole = {outcome.request_id for outcome in outcomes if outcome.is_whole}
    assert len(whole) > len(outcomes) // 3
    assert whole - good == set()


def three_no_hard_limit_was_exceeded(house: House, ledger: Sequence[Row]) -> None:
    windows = house.sql(
        "SELECT l.unit, l.amount, w.spent, w.held, w.exposed FROM metering_limitwindow w"
        " JOIN metering_limit l ON l.id = w.limit_id WHERE l.mode = 'hard'"
    )
    assert {window["unit"] for window in windows} == {"usd", "requests", "tokens", "concurrency"}
    for window in windows:
        assert window["held"] == 0
        assert window["spent"] + window["exposed"] <= window["amount"], window
    for row in ledger:
        assert row["overrun"] is False
        assert row["cost"] is None or row["held"] is None or row["cost"] <= row["held"], row


def four_unknown_is_never_zero(ledger: Sequence[Row]) -> None:
    unknown = [row for row in ledger if row["usage_source"] == "unknown" and row["kind"] == "attempt"]
    assert unknown
    for row in unknown:
        if row["cost_reason"] == "not_billed":
            assert row["cost"] == 0
        else:
            assert (row["cost"], row["cost_reason"] != "") == (None, True)
            assert row["exposure"] == row["held"] > 0
    for row in ledger:
        assert row["outcome"] != "ok" or row["cost"] is None or row["cost"] > 0


def five_the_ledger_only_grew(house: House, earlier: Sequence[Row], ledger: Sequence[Row]) -> None:
    """What stood there in the middle of the run stands there unchanged; the database refuses to change it."""
    assert 0 < len(earlier) < len(ledger)
    kept = {row["id"]: row for row in ledger}
    assert [kept[row["id"]] for row in earlier] == list(earlier)
    for statement in ("UPDATE metering_costentry SET cost = 0", "DELETE FROM metering_costentry"):
        with pytest.raises(psycopg.Error):
            house.sql(statement)


def six_a_crash_lost_nothing(ledger: Sequence[Row]) -> None:
    """What the dead worker left behind is booked as unknown, with the hold as stated exposure."""
    lost = [row for row in ledger if row["outcome"] == "lost"]
    for row in lost:
        assert (row["cost"], row["cost_reason"], row["usage_source"]) == (None, "lost", "unknown")
        assert row["exposure"] == row["held"] > 0


def seven_every_number_is_the_ledgers(house: House, ledger: Sequence[Row]) -> None:
    house.verify()
    done = house.manage("spend", "--by", "provider", "--format", "json", "--from", "2020-01-01")
    assert done.returncode == 0, done.stderr
    total = json.loads(done.stdout)["total"]
    calls = {str(row["request_id"]) for row in ledger if row["attempt"] == 1}
    assert total["calls"] == len(calls)
    assert total["attempts"] == sum(row["kind"] == "attempt" for row in ledger)
    assert Decimal(total["cost_usd"]) == sum((row["cost"] or Decimal(0) for row in ledger), Decimal(0))


def eight_one_id_ties_everything(ledger: Sequence[Row], outcomes: Sequence[Outcome]) -> None:
    ids = [outcome.request_id for outcome in outcomes if outcome.request_id]
    assert len(set(ids)) == len(ids)
    assert {uuid.UUID(request_id).version for request_id in ids} == {7}
    keys = Counter(
        (row["request_id"], row["attempt"], row["part"]) for row in ledger if row["kind"] == "attempt"
    )
    assert set(keys.values()) == {1}
    for outcome in outcomes:
        if outcome.is_whole:
            attempts = [row for row in ledger if str(row["request_id"]) == outcome.request_id]
            assert outcome.headers["x-tallygate-attempts"] == str(max(row["attempt"] for row in attempts))


def the_vendors_log_agrees_one_to_one(ledger: Sequence[Row], calls: Sequence[Row]) -> None:
    """Every call that a vendor saw is one entry; every entry that a vendor answered is one call."""
    seen = Counter(call["client_request_id"] for call in calls)
    assert set(seen.values()) == {1}
    booked = {
        f"{row['request_id']}-{row['attempt']}": row
        for row in ledger
        if row["kind"] == "attempt" and row["part"] == 0
    }
    assert seen.keys() - booked.keys() == set()
    for name in booked.keys() - seen.keys():
        row = booked[name]
        assert row["outcome"] in NOT_MADE, row
        assert (row["status"], row["output"]) in ((None, None), (None, 0)), row
    for call in calls:
        row = booked[call["client_request_id"]]
        if row["outcome"] == "ok" and row["usage_source"] == "reported":
            assert row["output"] + row["reasoning"] == _output_of(call), (row, call)


def _output_of(call: Row) -> int:
    """Output tokens, thoughts included, in the words of any vendor."""
    usage = call["usage"]
    if "candidatesTokenCount" in usage:
        return int(usage["candidatesTokenCount"]) + int(usage.get("thoughtsTokenCount", 0))
    return int(usage.get("completion_tokens", usage.get("output_tokens")))


def no_cut_stream_ended_well(outcomes: Sequence[Outcome], calls: Sequence[Row]) -> None:
    """A stream with its terminal marker came from a vendor that sent all of it."""
    ended = {call["client_request_id"]: call["outcome"] for call in calls}
    whole = [outcome for outcome in outcomes if outcome.planned.stream and outcome.is_whole]
    assert whole
    for outcome in whole:
        last = f"{outcome.request_id}-{outcome.headers['x-tallygate-attempts']}"
        assert ended[last] == "complete", outcome
        assert outcome.error == ""
    cut = [outcome for outcome in outcomes if outcome.planned.stream and outcome.status == 200]
    cut = [outcome for outcome in cut if not outcome.is_whole and not outcome.broken]
    assert cut
    assert [outcome for outcome in cut if not outcome.error] == []


def nobody_hung(outcomes: Sequence[Outcome]) -> None:
    assert [outcome for outcome in outcomes if outcome.hung] == []
