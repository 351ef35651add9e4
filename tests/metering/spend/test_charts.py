"""What all figures share: the range of an axis, and what is otherwise on a phone."""

from decimal import Decimal

from metering.spend import charts

TENTH = Decimal("0.1")


def test_an_axis_has_room_at_its_ends_in_parts_of_its_width() -> None:
    values = [Decimal(2), Decimal(-2), Decimal(8)]

    assert charts.reach(values, before=TENTH, after=2 * TENTH) == [-3.0, 10.0]


def test_an_axis_of_one_value_has_the_least_width() -> None:
    assert charts.reach([Decimal(-1)], before=TENTH, after=TENTH, least=Decimal(1)) == [-1.1, 0.1]


def test_a_figure_says_what_is_otherwise_on_a_phone() -> None:
    figure = charts.figure([], narrow={"height": 500}, height=200)

    assert (figure["layout"]["height"], figure["narrow"]) == (200, {"height": 500})
    assert "narrow" not in charts.figure([])
