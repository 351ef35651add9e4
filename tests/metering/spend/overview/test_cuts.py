"""The chart, the table and the files: every grouping and measure adds up to the same whole."""

import datetime as dt
from decimal import Decimal
from itertools import product

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.visibility import Visibility
from metering.spend import filters, queries
from metering.spend.filters import BY
from metering.spend.overview import page
from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import AT, Month
from tests.metering.spend.overview.conftest import NOVEMBER, WHOLE
from tests.metering.spend.test_pages import figure, row_of, table, text_of
from tests.metering.spend.test_pages import page as page_of

EVERY_TEAM = Visibility(team_ids=None)
TODAY = dt.date(2026, 11, 20)


def shown(**query: str) -> page.Shown:
    asked = {"from": "2026-11-01", "to": "2026-11-30", **query}
    return page.shown(filters=filters.spend_filters(asked, today=TODAY), visibility=EVERY_TEAM, today=TODAY)


def costs(found: page.Shown) -> dict[str, Decimal | None]:
    return {group.label: group.amounts.known_cost for group in found.cut.groups}


def drawn(html: str) -> Decimal:
    return sum((Decimal(y) for trace in figure(html)["data"] for y in trace["y"]), Decimal(0))  # type: ignore[attr-defined]


@pytest.mark.parametrize("by", BY)
def test_chart_cards_table_files_and_rollup_have_the_same_totals(
    finance: Client, tagged: Month, by: str
) -> None:
    """Of each measure; without filters and with each that the grouping can have."""
    narrowed = ["", "&team=search", "&tag=feature&tag_value=chat", "&tag=feature&tagged=no"]
    totals = {"": WHOLE, "&team=search": Decimal("0.0203169")}
    totals |= {narrowed[2]: Decimal("0.0055"), narrowed[3]: Decimal("0.0018169")}
    for measure, narrowing in product(("usd", "tokens", "requests"), narrowed):
        if by == "token_type" and (measure == "requests" or "tag" in narrowing):
            continue
        query = f"{NOVEMBER}&by={by}&measure={measure}{narrowing}"
        html = page_of(finance, f"/spend/?{query}")
        total = table(finance, f"/spend/export.csv?{query}")[-1]
        days = table(finance, f"/spend/days.csv?{query}")

        assert Decimal(total["cost_usd"]) == totals[narrowing], query
        assert drawn(html) == sum(Decimal(day["Together"]) for day in days), query
        if measure == "usd":
            assert drawn(html) == totals[narrowing], query
            assert f'title="${totals[narrowing]}"' in html, query
        elif measure == "requests":
            assert drawn(html) == int(total["calls"]), query
        elif "tokens" in total:
            assert drawn(html) == int(total["tokens"]), query
        else:
            rollup = filters.spend_filters(
                {"from": "2026-11-01", "to": "2026-11-30", "team": "search" if "team" in narrowing else ""},
                today=TODAY,
            )
            assert drawn(html) == queries.total(filters=rollup, visibility=EVERY_TEAM).tokens, query


def test_by_token_type_each_costs_its_tokens_times_their_rate(tagged: Month) -> None:
    """Input: 13 and 1,000 at $1.00, 13 at $0.30. Output: 4 + 100 + 4,100 at $5.00, 4 at $2.50."""
    assert costs(shown(by="token_type")) == {
        "output (visible)": Decimal("0.02103"),
        "input (uncached)": Decimal("0.0010169"),
        "output (reasoning)": Decimal("0.00027"),
    }


def test_what_no_rate_explains_is_a_group_of_its_own(month: Month) -> None:
    factories.make_entry(
        key=month.ads,
        model=month.haiku,
        usage=Usage(output=5),
        cost=Decimal("0.7"),
        cost_reason="reported",
        reported_cost=Decimal("0.7"),
    )
    found = shown(by="token_type")
    assert costs(found)["not told by token type"] == Decimal("0.7")
    assert found.cut.total.cost == Decimal("0.7018169")


def test_by_tag_what_does_not_carry_it_is_a_group_of_its_own(tagged: Month) -> None:
    assert costs(shown(by="tag", tag="feature")) == {
        "mail": Decimal("0.015"),
        "chat": Decimal("0.0055"),
        "(no feature)": Decimal("0.0018169"),
    }


def test_the_tag_on_most_of_the_spend_is_taken_when_none_is_named(finance: Client, tagged: Month) -> None:
    factories.make_entry(
        key=tagged.ads,
        model=tagged.haiku,
        price=tagged.haiku.prices.get(),
        usage=Usage(output=1),
        tags={"customer": "acme"},
    )
    found = shown(by="tag")
    assert (found.filters.tag, found.tags) == ("env", ("env", "feature", "customer"))
    assert "tag=env" in table(finance, f"/spend/export.csv?{NOVEMBER}&by=tag")[0]["row"].replace(" ", "=")


def test_without_any_tag_everything_is_one_group(month: Month) -> None:
    assert costs(shown(by="tag")) == {"(no tag)": Decimal("0.0018169")}


def test_narrowed_by_a_tag_the_other_groupings_are_told(tagged: Month) -> None:
    assert costs(shown(by="team", tag="feature", tag_value="chat")) == {
        "search": Decimal("0.005"),
        "ads": Decimal("0.0005"),
    }
    assert costs(shown(by="team", tag="feature", tagged="no")) == {
        "ads": Decimal("0.0015"),
        "search": Decimal("0.0003169"),
    }


def test_a_tag_on_calls_of_unknown_cost_alone_is_not_free(month: Month) -> None:
    factories.make_entry(
        key=month.ads, model=month.flash, usage=Usage(input=5), cost=None, tags={"feature": "test"}
    )
    assert costs(shown(by="tag", tag="feature"))["test"] is None


def test_more_values_than_are_shown_are_one_row(tagged: Month) -> None:
    price = tagged.haiku.prices.get()
    for number in range(202):
        factories.make_entry(
            key=tagged.ads,
            model=tagged.haiku,
            price=price,
            usage=Usage(output=1),
            tags={"feature": f"f{number}"},
        )
    found = shown(by="tag", tag="feature")
    assert len(found.cut.groups) == 200 + 2
    assert costs(found)["(all other values)"] == 4 * Decimal("0.000005")
    assert found.cut.total.cost == WHOLE + 202 * Decimal("0.000005")


def test_cumulative_lines_end_at_the_total(finance: Client, tagged: Month) -> None:
    html = page_of(finance, f"/spend/?{NOVEMBER}&by=team&shape=cumulative")
    traces = figure(html)["data"]
    assert [(trace["name"], trace["type"], trace["y"][-1]) for trace in traces] == [  # type: ignore[attr-defined]
        ("search", "scatter", "0.0203169"),
        ("ads", "scatter", "0.002"),
    ]
    assert table(finance, f"/spend/days.csv?{NOVEMBER}&shape=cumulative")[0]["Together"] == str(WHOLE)


def test_the_period_before_is_laid_over_by_its_days(finance: Client, month: Month) -> None:
    """18 November cost $0.0015; it is the first of the two days before the 20th and the 21st."""
    query = "from=2026-11-20&to=2026-11-21&compare=previous"
    html = page_of(finance, f"/spend/?{query}")
    before = figure(html)["data"][-1]  # type: ignore[index]
    assert (before["name"], before["x"], before["y"]) == ("Period before", ["2026-11-20"], ["0.0015"])
    assert before["line"]["dash"] == "dot"
    (day,) = table(finance, f"/spend/days.csv?{query}")
    assert (day["day"], day["Together"], day["Period before"]) == ("2026-11-20", "0.0003169", "0.0015")
    assert "Dotted: 2026-11-18 to 2026-11-19" in text_of(html)


def test_cumulative_lines_are_compared_by_all_together(finance: Client, month: Month) -> None:
    query = "from=2026-11-20&to=2026-11-21&compare=previous&shape=cumulative"
    *_, together, before = figure(page_of(finance, f"/spend/?{query}"))["data"]  # type: ignore[misc]
    assert (together["name"], together["y"]) == ("Together", ["0.0003169"])
    assert (before["name"], before["y"]) == ("Period before", ["0.0015", "0.0015"])


def test_eight_groups_have_a_colour_by_what_is_measured(finance: Client, month: Month) -> None:
    """The one with the most tokens costs least."""
    cheap = factories.make_model("cheap")
    factories.make_price(cheap, input="0.01", output="0.01")
    for number in range(12):
        key = factories.make_key(team=factories.make_team(f"team-{number}"))
        model = cheap if number == 11 else month.haiku
        factories.make_entry(
            key=key, model=model, price=model.prices.get(), usage=Usage(output=2000 + number)
        )
    names = [
        [trace["name"] for trace in figure(page_of(finance, f"/spend/?{NOVEMBER}&measure={measure}"))["data"]]  # type: ignore[attr-defined]
        for measure in ("usd", "tokens")
    ]
    assert (names[0][0], names[1][0]) == ("team-10", "team-11")
    assert [len(shown) for shown in names] == [9, 9]
    assert names[0][-1] == names[1][-1] == "Other"


def test_a_row_counts_tokens_and_calls_beside_its_cost(finance: Client, tagged: Month) -> None:
    html = page_of(finance, f"/spend/?{NOVEMBER}&by=tag&tag=feature")
    assert row_of(html, "chat")[1:] == ["$0.0055", "25 %", "1,100", "21 %", "2", "2"]
    assert "1 entry of unknown cost is not in these costs" in text_of(html)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("by=token_type", 26),
        ("by=tag", 28),
        ("by=team&tag=feature&tag_value=chat", 20),
        ("by=team&compare=previous", 26),
    ],
)
def test_each_grouping_asks_a_fixed_number_of_questions(
    finance: Client,
    tagged: Month,
    django_assert_num_queries: DjangoAssertNumQueries,
    query: str,
    expected: int,
) -> None:
    """Three of them are the transaction that brings the summaries up to date, where they are read."""
    with django_assert_num_queries(expected) as captured:
        finance.get(f"/spend/?{NOVEMBER}&{query}")
    assert not any('FROM "metering_costentry"' in asked["sql"] for asked in captured.captured_queries)
    price = tagged.haiku.prices.get()
    for number in range(3):
        key = factories.make_key(team=factories.make_team(f"more-{number}"))
        factories.make_entry(
            key=key, model=tagged.haiku, price=price, usage=Usage(output=1), tags={"feature": f"{number}"},
            started_at=AT - dt.timedelta(days=number),
        )  # fmt: skip
    with django_assert_num_queries(expected):
        finance.get(f"/spend/?{NOVEMBER}&{query}")


@pytest.mark.parametrize("url", ["/spend/", "/spend/export.csv", "/spend/days.csv"])
@pytest.mark.parametrize("by", BY)
def test_a_lead_sees_the_own_team_alone_by_whatever_is_grouped(
    team_lead: Client, tagged: Month, url: str, by: str
) -> None:
    """Of ads are 0.0005 and 0.0015; all together is 0.0223169, of search 0.0203169."""
    for narrowed in ("", "&tag=feature&tag_value=chat", "&tag=feature&tagged=no"):
        if by == "token_type" and narrowed:
            continue
        response = team_lead.get(f"{url}?{NOVEMBER}&by={by}{narrowed}&compare=previous")
        seen = bytes(response.getvalue()).decode()
        assert response.status_code == 200
        assert not any(cost in seen for cost in ("0.0223169", "0.0055", "0.0018169", "0.0015", "ads/prod"))
        assert any(cost in seen for cost in ("0.0203169", "0.005", "0.0003169", "0.02003"))


@pytest.mark.parametrize("url", ["/spend/", "/spend/export.csv", "/spend/days.csv"])
def test_a_lead_who_asks_for_another_team_finds_nothing(team_lead: Client, tagged: Month, url: str) -> None:
    for query in ("team=ads", f"key={tagged.ads.prefix}", "team=ads&by=tag", "team=ads&by=token_type"):
        assert team_lead.get(f"{url}?{NOVEMBER}&{query}").status_code == 404
    assert Client().get(url)["Location"] == f"/login/?next={url}"
