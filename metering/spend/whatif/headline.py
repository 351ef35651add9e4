"""The figures on top of the what-if page, as they are shown. Pure."""

from dataclasses import dataclass

from metering.spend import money
from metering.spend.whatif import words
from metering.spend.whatif.rows import Days, Way
from metering.whatif import scenarios


@dataclass(frozen=True, slots=True)
class Headline:
    """Of one way against what was booked; without a way, of that alone."""

    per_answer_booked: str
    difference: str = ""
    change: str = ""
    monthly: str = ""
    per_answer: str = ""
    missing: str = ""

    @classmethod
    def of(cls, booked: Way, way: Way | None, days: Days) -> "Headline":
        each = _about(days, booked)
        if way is None:
            return cls(per_answer_booked=each)
        more = scenarios.difference(way.cost, booked.cost)
        return cls(
            per_answer_booked=each,
            difference=money.signed_usd(more),
            change=words.of_booked(way.cost, booked.cost),
            monthly=money.UNKNOWN if more is None else money.signed_usd(days.in_a_month(more)),
            per_answer=_about(days, way),
            missing=words.missing(way),
        )


def _about(days: Days, way: Way) -> str:
    if way.cost is None:
        return money.UNKNOWN
    each = days.per_answer(way.cost)
    return money.NOTHING if each is None else money.total_usd(each)
