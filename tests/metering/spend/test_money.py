"""Money for people: exact for one entry, rounded once for a total, never in exponents."""

from decimal import Decimal

import pytest

from metering.spend import export, money


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0.000283900000", "0.0002839"),
        ("0.000000000001", "0.000000000001"),
        ("5E-7", "0.0000005"),
        ("1E+3", "1000"),
        ("0E-12", "0"),
        ("-0.500000000000", "-0.5"),
        ("12345678901.123456789012", "12345678901.123456789012"),
        ("100", "100"),
    ],
)
def test_exact_keeps_every_digit_and_nothing_else(amount: str, shown: str) -> None:
    assert money.exact(Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"),
        ("1234.565", "$1,234.57"),
        ("0.041249999", "$0.0412"),
        ("0.0002839", "$0.0002839"),
        ("0.00028395", "$0.0002840"),
        ("0.000000000001", "$0.000000000001"),
        ("0.25", "$0.25"),
        ("0.5", "$0.50"),
        ("1234.5", "$1,234.50"),
        ("0.000033", "$0.000033"),
        ("0.019996", "$0.0200"),
        ("0.02", "$0.02"),
        ("0.999999", "$1.00"),
        ("-3.005", "-$3.01"),
        (None, "unknown"),
    ],
)
def test_a_total_is_rounded_once_half_up(amount: str | None, shown: str) -> None:
    assert money.total_usd(None if amount is None else Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("amount", "shown"), [("2.500000", "$2.50"), ("15", "$15.00"), ("0.075", "$0.075"), ("1E+2", "$100.00")]
)
def test_a_rate_shows_two_decimals_at_least(amount: str, shown: str) -> None:
    assert money.rate_usd(Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        ("0.9642857", "96 %"),
        ("0.004", "0.4 %"),
        ("0.0001", "<0.1 %"),
        ("0", "0 %"),
        ("1", "100 %"),
        ("12", "1,200 %"),
        ("-0.25", "-25 %"),
        ("-0.004", "-0.4 %"),
        ("-0.0001", ">-0.1 %"),
        (None, "\N{EN DASH}"),
    ],
)
def test_a_share_is_a_percentage(share: str | None, shown: str) -> None:
    assert money.percent(None if share is None else Decimal(share)) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("300.1", "+$300.10"), ("-0.0412", "-$0.0412"), ("0", "$0.00"), (None, "unknown")],
)
def test_a_difference_has_its_sign(amount: str | None, shown: str) -> None:
    assert money.signed_usd(None if amount is None else Decimal(amount)) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999_999, "999,999"),
        (1_000_000, "1.0 M"),
        (191_987_654, "192.0 M"),
        (2_500_000_000, "2.5 B"),
    ],
)
def test_a_great_count_is_shortened(number: int, shown: str) -> None:
    assert money.short(number) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [("0.125", "+13 %"), ("-0.5", "-50 %"), ("12", "+1,200 %"), ("0.0027", "+0.3 %"), ("0", "+0 %")],
)
def test_a_change_has_its_sign(share: str, shown: str) -> None:
    assert money.change(Decimal(share)) == shown


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('=HYPERLINK("http://evil.example")', '\'=HYPERLINK("http://evil.example")'),
        ("+1", "'+1"),
        ("-1+2", "'-1+2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        ("\n=1", "'\n=1"),
        ("search", "search"),
        ("", ""),
    ],
)
def test_text_never_starts_a_formula(text: str, written: str) -> None:
    assert export.cell(text) == written


def test_a_negative_number_stays_a_number() -> None:
    assert export.cell(Decimal("-0.50")) == "-0.5"
