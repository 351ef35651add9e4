"""What the ledger says of every replayed call: one entry, the vendor's counts, genai-prices' cost."""

from collections import Counter
from decimal import Decimal

import pytest

from tests.live.house import House
from tests.proxy.adapters import recordings as vendor_recordings
from tests.proxy.adapters.vendor_words import words_of
from tests.replay import differences, pricing
from tests.replay.books import BUCKETS
from tests.replay.differences import CITED, Priced
from tests.replay.gathering import SOURCES, Gathered, calls, served_as
from tests.replay.recordings import EVERY, Recording
from tests.replay.test_errors import breaks

pytestmark = pytest.mark.live

EQUAL_TO_GENAI_PRICES = {"equal": 305, "other": 63, "without a quote": 35}
METERED = ("chat", "messages", "responses")


def answered(dialect: str, recording: Recording) -> bool:
    return dialect in METERED and not recording.failed and not breaks(recording)


def expected(dialect: str, recording: Recording, quote: pricing.Quote) -> Priced:
    """genai-prices' figure, or the one in the table of differences, or none."""
    known = {**differences.DIFFERENT, **differences.UNREAD}
    if recording.name in known and not (recording.name == CITED and dialect == "responses"):
        return known[recording.name]
    if quote.usd is not None:
        return Priced(quote.usd)
    return Priced(None, "unpriced" if _counts_tokens(recording) else "no_usage")


def _counts_tokens(recording: Recording) -> bool:
    body = pricing.whole(recording)
    told = body.get("usage") or body.get("usageMetadata") or {}
    return any(isinstance(count, int) for count in told.values())


@pytest.mark.parametrize(("dialect", "recording"), calls(answered))
def test_cost(gathered: Gathered, dialect: str, recording: Recording) -> None:
    entry = gathered.booked(dialect, recording)
    assert entry["outcome"] == "ok"
    quote = pricing.quote(recording, entry["started_at"])
    wanted = expected(dialect, recording, quote)
    assert (entry.cost, entry.reason) == (wanted.usd, wanted.reason)


@pytest.mark.parametrize(
    ("dialect", "recording"), calls(lambda d, r: answered(d, r) and r.wire != "responses")
)
def test_buckets(gathered: Gathered, dialect: str, recording: Recording) -> None:
    """As wire.md reads the vendor's counts."""
    entry = gathered.booked(dialect, recording)
    recorded = vendor_recordings.load(vendor_recordings.FOLDER / recording.name)
    wanted = words_of(recorded).usage
    if wanted is None:
        assert entry.counts == {}
        return
    counts = {bucket: getattr(wanted, bucket) for bucket in BUCKETS if getattr(wanted, bucket)}
    if recording.name == CITED and dialect == "responses":
        del counts["requests"]
    assert entry.counts == counts


@pytest.mark.parametrize(
    ("dialect", "recording"), calls(lambda d, r: answered(d, r) and r.wire == "responses")
)
def test_token_totals_of_responses(gathered: Gathered, dialect: str, recording: Recording) -> None:
    entry = gathered.booked(dialect, recording)
    told = pricing.whole(recording).get("usage") or {}
    counts = entry.counts
    assert entry.input_tokens == told.get("input_tokens", 0)
    assert counts.get("output", 0) + counts.get("reasoning", 0) == told.get("output_tokens", 0)
    cached = (told.get("input_tokens_details") or {}).get("cached_tokens", 0)
    assert counts.get("cache_read", 0) == cached


@pytest.mark.skipif(not EVERY, reason="no shared/recordings beside the repository")
def test_how_many_are_checked_against_genai_prices(gathered: Gathered) -> None:
    """Of the recordings of chat wires; the rest it does not know, or they are in the tables."""
    kinds: Counter[str] = Counter()
    for recording in served_as("chat"):
        if recording.failed or breaks(recording):
            continue
        entry = gathered.booked("chat", recording)
        quote = pricing.quote(recording, entry["started_at"])
        kinds["equal" if quote.usd == entry.cost and quote.usd is not None else "other"] += 1
        kinds["without a quote"] += quote.usd is None
    assert kinds == EQUAL_TO_GENAI_PRICES


@pytest.mark.skipif(not EVERY, reason="no shared/recordings beside the repository")
def test_the_books_agree(gateway: House, gathered: Gathered) -> None:
    for dialect in SOURCES:
        gathered.through(dialect, served_as(dialect)[0])
    [row] = gateway.sql("SELECT count(*) AS entries, sum(cost) AS cost FROM metering_costentry")
    assert row["entries"] > 0
    assert isinstance(row["cost"], Decimal)
    assert gateway.open_holds() == 0
    gateway.verify()
