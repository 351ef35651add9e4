"""What the URL may ask for, and what it may not."""

import datetime as dt

import pytest

from metering.spend import filters

TODAY = dt.date(2026, 3, 1)


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("today", "2026-03-01", "2026-03-01"),
        ("7d", "2026-02-23", "2026-03-01"),
        ("month", "2026-03-01", "2026-03-01"),
        ("last-month", "2026-02-01", "2026-02-28"),
        ("90d", "2025-12-02", "2026-03-01"),
        ("quarter", "2026-01-01", "2026-03-01"),
        ("", "2026-03-01", "2026-03-01"),
    ],
)
def test_presets(period: str, start: str, end: str) -> None:
    asked = filters.spend_filters({"period": period}, today=TODAY)
    assert (asked.start.isoformat(), asked.end.isoformat()) == (start, end)
    assert asked.period == (period or "month")


def test_explicit_days_win_over_a_preset() -> None:
    asked = filters.spend_filters({"period": "today", "from": "2026-01-05", "to": "2026-01-06"}, today=TODAY)
    assert (asked.start, asked.end, asked.period) == (dt.date(2026, 1, 5), dt.date(2026, 1, 6), "")


def test_the_form_keeps_a_preset_whose_days_it_did_not_change() -> None:
    asked = filters.spend_filters(
        {"period": "7d", "from": "2026-02-23", "to": "2026-03-01", "by": "model"}, today=TODAY
    )
    assert asked.query() == "period=7d&by=model"


def test_links_carry_every_filter_on() -> None:
    asked = filters.spend_filters(
        {"from": "2026-01-01", "to": "2026-01-31", "team": "a b", "model": "openai/gpt-4o", "key": "tg_x"},
        today=TODAY,
    )
    assert asked.query(by="key") == (
        "from=2026-01-01&to=2026-01-31&by=key&team=a+b&model=openai%2Fgpt-4o&key=tg_x"
    )
    assert (
        filters.spend_filters({"period": "today", "cost_center": "CC-1"}, today=TODAY).entries_query(
            cost="unknown"
        )
        == "from=2026-03-01&to=2026-03-01&cost_center=CC-1&cost=unknown"
    )


def test_how_the_page_is_shown_is_in_its_address_where_it_is_not_the_plain_page() -> None:
    plain = filters.spend_filters({"measure": "usd", "shape": "bars", "tag": "feature"}, today=TODAY)
    assert plain.query() == "period=month&by=team"
    other = {"by": "tag", "measure": "tokens", "shape": "cumulative", "compare": "previous", "tag": "feature"}
    asked = filters.spend_filters(other, today=TODAY)
    assert asked.query() == (
        "period=month&by=tag&measure=tokens&shape=cumulative&compare=previous&tag=feature"
    )
    assert asked.entries_query() == "from=2026-03-01&to=2026-03-01"


def test_a_tag_narrows_the_page_and_its_entries() -> None:
    asked = filters.spend_filters({"tag": "feature", "tag_value": "a b"}, today=TODAY)
    assert asked.narrowed
    assert asked.query() == "period=month&by=team&tag=feature&tag_value=a+b"
    assert asked.entries_query() == "from=2026-03-01&to=2026-03-01&tag=feature&tag_value=a+b"
    without = filters.spend_filters({"tag": "feature", "tagged": "no"}, today=TODAY)
    assert without.entries_query() == "from=2026-03-01&to=2026-03-01&tag=feature&tagged=no"


def test_the_days_in_words() -> None:
    asked = filters.spend_filters({"from": "2026-02-01", "to": "2026-02-28"}, today=TODAY)
    assert asked.span == "2026-02-01 to 2026-02-28"
    assert asked.on(dt.date(2026, 2, 3)).span == "2026-02-03"


def test_the_order_of_the_table_is_kept_in_links() -> None:
    asked = filters.spend_filters({"period": "7d", "sort": "calls"}, today=TODAY)
    assert asked.query(by="model") == "period=7d&by=model&sort=calls"
    assert "sort" not in asked.entries_query()


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"from": "2026-02-30"},
        {"from": "0001-01-01"},
        {"to": "9999-12-31"},
        {"sort": "colour"},
        {"from": "2026-02-02", "to": "2026-02-01"},
        {"by": "colour"},
        {"measure": "euro"},
        {"shape": "pie"},
        {"compare": "everything"},
        {"tag_value": "chat"},
        {"tagged": "no"},
        {"tag": "feature", "tagged": "yes"},
        {"tag": "feature", "tag_value": "chat", "tagged": "no"},
        {"by": "token_type", "measure": "requests"},
        {"by": "token_type", "tag": "feature", "tag_value": "chat"},
        {"period": "century"},
        {"team": "x" * 201},
        {"team": "a\x00b"},
    ],
)
def test_nonsense_is_refused_in_words(query: dict[str, str]) -> None:
    with pytest.raises(filters.BadFilter):
        filters.spend_filters(query, today=TODAY)
