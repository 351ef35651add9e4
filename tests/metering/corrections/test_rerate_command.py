"""``manage.py rerate``: the same batches from a shell."""

import io
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from metering.corrections import rerating
from metering.models import CorrectionBatch, CostEntry
from tests.metering.corrections.conftest import Shop, at_right_price, book, book_unpriced, total

NOVEMBER = ("--from", "2026-11-01", "--to", "2026-11-30")


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("rerate", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_it_books_a_batch_and_says_by_how_much_the_total_moves(shop: Shop) -> None:
    book(shop)
    book(shop, shop.ads)

    said = command(*NOVEMBER, "--team", "ads", "--at-price", str(shop.right.pk), "--reason", "contract",
                   "--author", "ann")  # fmt: skip

    batch = CorrectionBatch.objects.get()
    assert said == f"batch {batch.pk}: 1 entries corrected, the total moves by -1.5 USD\n"
    assert (batch.author, batch.reason, batch.amount) == ("ann", "contract", Decimal("-1.5"))


def test_what_changes_nothing_keeps_no_batch(shop: Shop) -> None:
    book(shop)
    book_unpriced(shop)

    assert command(*NOVEMBER, "--reason", "contract") == "nothing would change: no batch is kept\n"
    assert not CorrectionBatch.objects.exists()


def test_a_dry_run_says_what_would_change_and_books_nothing(shop: Shop) -> None:
    book(shop)
    book_unpriced(shop)

    said = command(*NOVEMBER, "--at-price", str(shop.right.pk), "--dry-run").splitlines()

    assert said[0].split() == [
        "team",
        "model",
        "entries",
        "first",
        "priced",
        "old",
        "USD",
        "new",
        "USD",
        "difference",
    ]
    assert said[1].split() == ["search", "openai/gpt-4o", "1", "0", "7.5", "6", "-1.5"]
    assert said[2].split() == ["total", "1", "0", "7.5", "6", "-1.5"]
    assert CostEntry.objects.count() == 2
    assert command(*NOVEMBER, "--dry-run").splitlines()[2:] == [
        "1 stay as they are: cost the same",
        "1 stay as they are: without a price, or a rate, for what they used",
    ]


def test_an_interrupted_batch_is_resumed(shop: Shop) -> None:
    for _ in range(3):
        book(shop)
    batch = rerating.begin(scope=at_right_price(shop), reason="wrong price", author="ann")
    next(rerating.run(batch=batch, chunk=1))

    assert command("--batch", str(batch.pk)) == (
        f"batch {batch.pk}: 3 entries corrected, the total moves by -4.5 USD\n"
    )
    assert total() == 18


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--reason", "x"), "say which days"),
        (NOVEMBER, "say why"),
        ((*NOVEMBER, "--team", "nobody", "--reason", "x"), "no team 'nobody'"),
        (("--batch", "987"), "no re-rating 987"),
    ],
)
def test_what_cannot_be_is_said(shop: Shop, arguments: tuple[str, ...], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        command(*arguments)
