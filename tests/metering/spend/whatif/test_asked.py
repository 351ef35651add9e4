"""The URL of the what-if page: everything is in it, and comes out of it again."""

import datetime as dt
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest

from metering.spend.filters import BadFilter
from metering.spend.whatif import asked
from metering.spend.whatif.asked import Asked, Target
from metering.whatif.factors import Factors

TODAY = dt.date(2026, 11, 20)


def read(query: str) -> Asked:
    return asked.read(dict(parse_qsl(query)), today=TODAY)


def test_a_target_with_all_its_numbers() -> None:
    found = read("t1=openai/gpt-5&share1=70&in1=1.1&out1=1.25&think1=0&add1=120.5")

    assert found.targets == (
        Target(
            "openai/gpt-5",
            Decimal(70),
            (
                ("input", Decimal("1.1")),
                ("output", Decimal("1.25")),
                ("reasoning", Decimal(0)),
                ("added", Decimal("120.5")),
            ),
        ),
    )
    assert (found.is_split, found.stays, found.prices) == (True, 30, "today")


def test_what_is_not_given_is_as_measured() -> None:
    measured = Factors(output=Decimal(3), added=Decimal(9))

    [target] = read("t1=a/b&out1=2").targets

    assert target.factors(measured) == Factors(output=Decimal(2), added=Decimal(9))


def test_the_query_leads_to_the_same_page() -> None:
    query = "period=90d&team=search&t1=a/b&share1=70.5&out1=1.25&t2=c/d&share2=20&add2=3&prices=days"
    found = read(query)

    assert read(found.query()) == found
    assert read(found.query(period="7d")).targets == found.targets
    assert read(found.query(targets=())).targets == ()


def test_an_emptied_target_leaves_no_gap() -> None:
    found = read("t1=&share1=50&t2=c/d&share2=20")

    assert read(found.query()).targets == (Target("c/d", Decimal(20)),)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("t1=a/b&out1=1.23456", "visible output factor must be a number such as 1.25, with 4 decimals"),
        ("t1=a/b&out1=-1", "visible output factor must be a number"),
        ("t1=a/b&think1=1e3", "reasoning factor must be a number"),
        ("t1=a/b&in1=NaN", "input factor must be a number"),
        ("t1=a/b&in1=.", "input factor must be a number"),
        ("t1=a/b&out1=1001", "visible output factor is 1,000 at most"),
        ("t1=a/b&add1=1000001", "reasoning tokens added is 1,000,000 at most"),
        ("t1=a/b&share1=101", "share of the traffic is 100 at most"),
        ("t1=a/b&share1=70&t2=c/d&share2=30.01", "100.01 % together: 100 % at most"),
        ("t1=a/b&t2=a/b", "the same model is chosen twice"),
        ("prices=list", "prices must be one of today, days"),
        ("tag=feature&tag_value=x", "not kept by tag"),
    ],
)
def test_what_cannot_be_is_said(query: str, words: str) -> None:
    with pytest.raises(BadFilter, match=words.replace(".", r"\.")):
        read(query)
