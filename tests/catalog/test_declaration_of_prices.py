"""``manage.py apply``: marginal prices and list prices in the TOML file."""

import io
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog import periods
from catalog.models import Price
from catalog.periods import Terms
from catalog.rates import Rates

pytestmark = pytest.mark.django_db

FILE = """\
[[providers]]
name = "acme"
kind = "openai_compatible"
base_url = "https://acme.example/v1"

[[models]]
provider = "acme"
name = "m"
[[models.prices]]
effective_from = "2026-01-01T00:00:00Z"
input = "2.1875"
output = "8.75"
[models.prices.list]
input = "2.50"
output = "10.00"
[[models.prices]]
effective_from = "2026-01-01T00:00:00Z"
input = "4"
above_input_tokens = 200000
tier = "marginal"
list = { input = "4", cache_read = "0.4" }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tallygate.toml"


def apply(file: Path, text: str = FILE) -> str:
    file.write_text(text)
    out = io.StringIO()
    call_command("apply", str(file), stdout=out)
    return out.getvalue()


def test_what_is_paid_is_kept_beside_what_is_listed(file: Path) -> None:
    printed = apply(file)

    base, above = Price.objects.order_by("above_input_tokens")
    assert periods.terms_of(base) == Terms(
        Rates(input=Decimal("2.1875"), output=Decimal("8.75")), "whole", Rates(Decimal("2.5"), Decimal(10))
    )
    assert (above.tier, above.input, above.list_rates) == ("marginal", Decimal(4), {"cache_read": "0.4"})
    assert "input 2.1875, output 8.75 (list input 2.5, output 10)" in printed
    assert "input 4, above the threshold alone (list cache_read 0.4)" in printed


def test_a_second_run_changes_nothing(file: Path) -> None:
    apply(file)

    assert apply(file) == "no changes\n"


def test_another_tier_or_list_price_is_another_price(file: Path) -> None:
    apply(file)

    from_now_on = FILE.replace('effective_from = "2026-01-01T00:00:00Z"\n', "")
    printed = apply(file, from_now_on.replace('tier = "marginal"\n', "").replace('"2.50"', '"2.75"'))

    assert printed.count("~ price acme/m") == 2
    assert Price.objects.count() == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('tier = "marginal"', 'tier = "half"', "line 20: models.prices.tier: must be one of whole, marginal"),
        (
            "above_input_tokens = 200000\n",
            'variant = "batch"\n',
            "line 20: a marginal price needs",
        ),
        ('input = "4"\nabove', 'output = "4"\nabove', "line 20: a marginal price needs above_input_tokens"),
        ('input = "4"\nabove', 'input = "4"\nreasoning = "9"\nabove', "line 19: reasoning: a marginal price"),
        (
            'input = "2.50"',
            "input = 2.50",
            "line 14: models.prices.list.input is money and money is written in",
        ),
        ('output = "10.00"', 'outputs = "10.00"', "line 15: unknown key 'outputs': did you mean 'output'?"),
    ],
)
def test_a_mistake_is_named_by_its_line(file: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(CommandError) as refusal:
        apply(file, FILE.replace(old, new))

    assert message in str(refusal.value)
    assert not Price.objects.exists()
