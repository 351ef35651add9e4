"""A model's prices over time, on its page in the admin."""

import datetime as dt
from decimal import Decimal

import pytest
from django.test import Client

from catalog.models import Price
from metering.admin import price_history
from tests import factories

pytestmark = pytest.mark.django_db
AT = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)


def day(month: int, number: int = 1) -> dt.datetime:
    return dt.datetime(2026, month, number, tzinfo=dt.UTC)


def chart() -> price_history.Chart:
    return price_history.chart(list(Price.objects.order_by("effective_from")), model="openai/gpt-4o", at=AT)


def lines() -> dict[str, list[tuple[str, str]]]:
    """By the line's name, the points as (day, rate)."""
    return {
        trace.name: [(x[:10], y) for x, y in zip(trace.x, trace.y, strict=True)]
        for trace in map(price_history.charts.go.Scatter, chart().figure["data"])
        if trace.showlegend
    }


def test_a_change_is_a_step_and_a_planned_one_is_drawn() -> None:
    factories.make_price(input="2", output="8", effective_from=day(1), effective_to=day(10))
    factories.make_price(input="3", output="9", effective_from=day(10), effective_to=day(12))
    factories.make_price(input="4", output="9", effective_from=day(12))

    assert lines()["input, standard"] == [
        ("2026-09-01", "2"),  # a month before the first change
        ("2026-10-01", "3"),
        ("2026-12-01", "4"),
        ("2026-12-31", "4"),
    ]
    assert [row[2].text for row in chart().table.rows] == ["planned", "in force", "ended"]


def test_variants_and_long_contexts_are_lines_of_their_own() -> None:
    factories.make_price()
    factories.make_price(variant="batch", input="1.25", output="5")
    factories.make_price(above_input_tokens=200_000, input="5", output="20")

    assert set(lines()) == {
        f"{rate}, {slot}"
        for rate in ("input", "output")
        for slot in ("standard", "batch", "standard, above 200000 input tokens")
    }


def test_no_line_is_drawn_where_there_was_no_price() -> None:
    factories.make_price(input="2", effective_from=day(8), effective_to=day(9))
    factories.make_price(input="3", effective_from=day(11))

    drawn = [trace for trace in chart().figure["data"] if trace["name"] == "input, standard"]
    assert [[x[:10] for x in trace["x"]] for trace in drawn] == [
        ["2026-08-02", "2026-09-01"],  # from a month before the first change
        ["2026-11-01", "2026-12-20"],
    ]


def test_an_unknown_rate_is_no_rate_of_zero() -> None:
    factories.make_price(output=None)

    assert set(lines()) == {"input, standard"}
    assert chart().table.rows[0][5].text == ""


def test_rates_are_exact() -> None:
    factories.make_price(input="0.000001", output="75")

    assert lines()["input, standard"][0][1] == "0.000001"
    assert Decimal(lines()["output, standard"][0][1]) == 75


def test_is_on_the_models_page_for_who_sees_prices(client: Client) -> None:
    model = factories.make_price().model
    page = f"/admin/catalog/languagemodel/{model.pk}/change/"
    client.force_login(factories.make_user("aud", role="Auditor"))

    html = client.get(page).content.decode()

    assert 'id="figure-price-history"' in html
    assert "plotly.min.js" in html


def test_a_model_without_prices_has_no_chart_and_loads_no_script(client: Client) -> None:
    model = factories.make_model()
    client.force_login(factories.make_user("root", is_superuser=True))

    html = client.get(f"/admin/catalog/languagemodel/{model.pk}/change/").content.decode()

    assert "figure-price-history" not in html
    assert "plotly.min.js" not in html
