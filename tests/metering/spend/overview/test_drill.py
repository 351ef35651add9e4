"""A click leads one level down, by the address; a chip takes a filter away again."""

import re
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client

from metering.usage import Usage
from tests import factories
from tests.metering.spend.conftest import Month
from tests.metering.spend.overview.conftest import NOVEMBER
from tests.metering.spend.test_pages import figure, page, table, text_of


def first_bar(html: str) -> str:
    """Where the first bar leads."""
    return str(figure(html)["data"][0]["customdata"][0][1])  # type: ignore[index]


def query_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


def test_from_a_team_to_its_models_its_keys_and_their_entries(finance: Client, tagged: Month) -> None:
    teams = page(finance, f"/spend/?{NOVEMBER}&by=team")
    models = first_bar(teams)
    assert query_of(models) == {"from": "2026-11-20", "to": "2026-11-20", "by": "model", "team": "search"}
    keys = first_bar(page(finance, f"/spend/{models}"))
    assert query_of(keys)["by"] == "key"
    assert query_of(keys)["model"] == "anthropic/claude-haiku-4-5"
    entries = first_bar(page(finance, f"/spend/{keys}"))
    assert entries == (
        "/spend/entries/?from=2026-11-20&to=2026-11-20&team=search&model=anthropic%2Fclaude-haiku-4-5"
        f"&key={tagged.search.prefix}"
    )
    listed = table(finance, entries.replace("/entries/?", "/entries/export.csv?"))
    assert [row["cost_usd"] for row in listed] == ["0.015", "0.005", "0.000033"]


def test_a_point_that_is_added_up_leads_to_all_its_days(finance: Client, tagged: Month) -> None:
    points = figure(page(finance, f"/spend/?{NOVEMBER}&by=team&shape=cumulative"))["data"][0]  # type: ignore[index]
    last = dict(zip(points["x"], points["customdata"], strict=True))["2026-11-20"][1]
    assert query_of(last) == {
        "from": "2026-11-01", "to": "2026-11-20", "by": "model", "team": "search", "shape": "cumulative",
    }  # fmt: skip


def test_a_row_of_the_table_keeps_the_period(finance: Client, tagged: Month) -> None:
    html = page(finance, f"/spend/?{NOVEMBER}&by=team")
    link = re.search(r'<th scope="row"><a href="([^"]+)">search</a>', html)
    assert link is not None
    asked = query_of(link[1].replace("&amp;", "&"))
    assert asked == {"from": "2026-11-01", "to": "2026-11-30", "by": "model", "team": "search"}


def test_the_bar_of_all_others_leads_to_its_day(finance: Client, month: Month) -> None:
    for number in range(12):
        key = factories.make_key(team=factories.make_team(f"team-{number}"))
        factories.make_entry(
            key=key, model=month.haiku, price=month.haiku.prices.get(), usage=Usage(output=1000)
        )
    traces = figure(page(finance, f"/spend/?{NOVEMBER}&by=team"))["data"]
    assert traces[-1]["customdata"][0][1] == "?from=2026-11-18&to=2026-11-18&by=team"  # type: ignore[index]


def test_a_level_that_is_narrowed_to_one_already_is_left_out(finance: Client, tagged: Month) -> None:
    bar = first_bar(page(finance, f"/spend/?{NOVEMBER}&by=cost_center&team=search"))
    assert (query_of(bar)["by"], query_of(bar)["cost_center"]) == ("model", "CC-1")


@pytest.mark.parametrize(
    ("value", "day", "expected"),
    [("mail", "2026-11-20", {"tag_value": "mail"}), ("(no feature)", "2026-11-18", {"tagged": "no"})],
)
def test_from_a_tag_to_the_teams_of_its_value(
    finance: Client, tagged: Month, value: str, day: str, expected: dict[str, str]
) -> None:
    traces = figure(page(finance, f"/spend/?{NOVEMBER}&by=tag&tag=feature"))["data"]
    bar = next(trace["customdata"][0][1] for trace in traces if trace["name"] == value)  # type: ignore[attr-defined]
    asked = query_of(bar)
    assert asked == {"from": day, "to": day, "by": "team", "tag": "feature", **expected}


def test_from_a_token_type_to_the_models_of_its_day(finance: Client, tagged: Month) -> None:
    traces = figure(page(finance, f"/spend/?{NOVEMBER}&by=token_type"))["data"]
    bar = next(t["customdata"][0][1] for t in traces if t["name"] == "output (reasoning)")  # type: ignore[attr-defined]
    assert bar == "?from=2026-11-20&to=2026-11-20&by=model&sort=reasoning"


def test_each_number_of_a_day_leads_to_the_entries_behind_it(finance: Client, tagged: Month) -> None:
    """Of an added-up number: all from the first day on."""
    for shape, first in (("bars", "20"), ("cumulative", "01")):
        html = page(finance, f"/spend/?{NOVEMBER}&by=tag&tag=feature&shape={shape}")
        at = html.index("The same numbers")
        days = html[at : html.index("</details>", at)].replace("&amp;", "&")
        (row,) = [row for row in days.split("<tr") if ">2026-11-20</a>" in row]
        links = re.findall(r'<td class="n"><a href="([^"]+)"', row)
        assert links == [
            f"/spend/entries/?from=2026-11-{first}&to=2026-11-20&{narrowed}".rstrip("&")
            for narrowed in (
                "tag=feature&tag_value=mail",
                "tag=feature&tag_value=chat",
                "tag=feature&tagged=no",
                "",
            )
        ]


def test_entries_of_a_tag_are_those_that_carry_it(finance: Client, tagged: Month) -> None:
    for narrowed, cost in (("tag_value=chat", ["0.0005", "0.005"]), ("tagged=no", ["0.000033", "0.0002839"])):
        url = f"/spend/entries/export.csv?from=2026-11-20&to=2026-11-20&tag=feature&{narrowed}"
        assert sorted(row["cost_usd"] for row in table(finance, url) if row["cost_usd"]) == cost


def test_each_filter_is_a_chip_that_takes_it_away(finance: Client, tagged: Month) -> None:
    html = page(finance, f"/spend/?{NOVEMBER}&by=model&team=search&tag=feature&tag_value=chat")
    chips = html[html.index('class="chips"') : html.index("</nav>", html.index('class="chips"'))]
    assert "Team: search" in text_of(chips)
    assert "Tag feature: chat" in text_of(chips)
    assert [query_of(href.replace("&amp;", "&")) for href in re.findall(r'href="([^"]+)"', chips)] == [
        {"from": "2026-11-01", "to": "2026-11-30", "by": "model"},
        {"from": "2026-11-01", "to": "2026-11-30", "by": "model", "tag": "feature", "tag_value": "chat"},
        {"from": "2026-11-01", "to": "2026-11-30", "by": "model", "team": "search"},
    ]


def test_without_filters_there_are_no_chips(finance: Client) -> None:
    assert 'class="chips"' not in page(finance, f"/spend/?{NOVEMBER}")


def test_switches_keep_the_rest_of_the_address(finance: Client, tagged: Month) -> None:
    html = page(finance, f"/spend/?{NOVEMBER}&by=model&team=search&measure=requests&shape=cumulative")
    rest = "from=2026-11-01&amp;to=2026-11-30"
    assert f'href="?{rest}&amp;by=model&amp;team=search&amp;measure=tokens&amp;shape=cumulative"' in html
    assert f'href="?{rest}&amp;by=token_type&amp;team=search&amp;shape=cumulative"' in html
