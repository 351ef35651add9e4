"""Explaining gaps, signing months, and what that means to closing them."""

import csv
import datetime as dt
import io
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from catalog.approvals import NeedsAnotherPerson
from metering import reconciliation
from metering.closing import obstacles as closing_obstacles
from metering.models import GapExplanation, ReconciliationLine, ReconciliationRun, SignOff
from metering.reconciliation import deltas, explaining, importing, runs, signing, telling
from metering.reconciliation.explaining import NotToExplain
from metering.reconciliation.readers import files
from metering.reconciliation.readers.files import File
from metering.reconciliation.signing import CannotSign
from tests import factories
from tests.metering.reconciliation import bill as bills
from tests.metering.reconciliation.conftest import OCTOBER, Books, only


def matched(books: Books) -> ReconciliationRun:
    return books.compare(bills.openai(books.bill()))


def with_gap(books: Books, tokens: int = 300_000) -> ReconciliationRun:
    """$10 for a million tokens more on the bill than in the books."""
    bill = books.bill()
    bill.use(3, "gpt-4o", "output", tokens)
    return books.compare(bills.openai(bill))


def explain(line: ReconciliationLine, reason: str = "BYPASS") -> ReconciliationRun:
    return explaining.explain(line=line, reason=reason, note="a laptop", by="ann", at=timezone.now())


def sign(run: ReconciliationRun, by: User, note: str = "") -> SignOff:
    return signing.sign(run=run, note=note, by=by, at=timezone.now())


@pytest.fixture
def ann(db: None) -> User:
    return factories.make_user("ann")


@pytest.fixture
def bob(db: None) -> User:
    return factories.make_user("bob")


def test_a_person_explains_a_gap(openai: Books) -> None:
    before = with_gap(openai)

    run = explain(only(before))

    line = only(run)
    assert (line.status, line.reason, line.evidence, line.explained_by) == (
        "explained",
        "BYPASS",
        "a laptop",
        "ann",
    )
    assert (before.state, run.state, run.gap, run.open_gap) == ("open", "explained", 3, 0)


def test_an_explanation_does_not_cover_another_gap(openai: Books) -> None:
    explain(only(with_gap(openai)))

    run = with_gap(openai, tokens=400_000)

    assert (only(run).status, run.open_gap) == ("open", 4)


def test_what_the_comparison_found_stays_beside_a_persons_word(openai: Books) -> None:
    bill = openai.bill()
    bill.line(3, "gpt-4o", "output").usd = Decimal("1.80")

    run = explain(only(openai.compare(bills.openai(bill))), reason="TZ")

    assert (only(run).reason, only(run).explained_by) == ("TZ", "ann")
    assert telling.said_of(only(run)) == (
        "a laptop",
        "PRICE: the same 150,000 tokens: $12.00 per 1M by the vendor, $10.00 per 1M by us",
    )


def test_a_note_has_one_line_and_passes_for_no_finding(openai: Books) -> None:
    line = only(with_gap(openai))
    at = timezone.now()

    run = explaining.explain(line=line, reason="TZ", note="mine\nPRICE: forged", by="ann", at=at)

    assert telling.said_of(only(run)) == ("mine PRICE: forged", "")


def discounted(books: Books, *, off_by: str = "0") -> ReconciliationRun:
    """gpt-4o at 0.9 of our price, $4.05 a day; the seventh is off by so much."""
    usd = {day: Decimal("4.05") for day in range(1, 8)}
    usd[7] += Decimal(off_by)
    lines = "".join(
        f"2026-10-0{day},gpt-4o,,,{usd[day]}\n2026-10-0{day},gpt-4o-mini,,,0.31\n" for day in range(1, 8)
    )
    return books.compare([File("i.csv", f"day,model,token_type,quantity,cost_usd\n{lines}".encode())])


def explain_all(run: ReconciliationRun, model: str = "gpt-4o") -> ReconciliationRun:
    told = {"reason": "CREDIT", "note": "10 % off", "by": "ann"}
    return explaining.explain_all(run=run, model=model, at=timezone.now(), **told)


def test_all_open_rows_of_a_model_are_explained_at_once_each_for_its_gap(openai: Books) -> None:
    run = explain_all(discounted(openai))

    assert set(run.lines.filter(model="gpt-4o").values_list("status", "reason", "evidence")) == {
        ("explained", "CREDIT", "10 % off")
    }
    assert set(run.lines.filter(model="gpt-4o-mini").values_list("status", flat=True)) == {"open"}
    assert GapExplanation.objects.filter(gap_usd=Decimal("-0.45"), author="ann").count() == 7
    again = discounted(openai, off_by="-0.45")
    assert [line.day.day for line in again.lines.filter(model="gpt-4o", status="open")] == [7]


def test_a_model_without_open_rows_has_nothing_to_explain(openai: Books) -> None:
    with pytest.raises(NotToExplain, match="no open gap"):
        explain_all(discounted(openai), model="gpt-9")


def test_all_rows_of_an_older_comparison_are_not_explained(openai: Books) -> None:
    run = discounted(openai)
    discounted(openai)

    with pytest.raises(NotToExplain, match="compared anew meanwhile"):
        explain_all(run)
    assert GapExplanation.objects.count() == 0


@pytest.mark.parametrize(
    ("off_by", "hint"),
    [
        ("0", "theirs = 0.9 x ours on every open row"),
        ("0.001", "theirs = 0.9 x ours on every open row"),
        ("0.02", ""),
    ],
)
def test_one_ratio_on_every_open_row_is_said(openai: Books, off_by: str, hint: str) -> None:
    large, _ = deltas.by_model(discounted(openai, off_by=off_by).lines.all())

    assert (large.model, large.open_rows, large.hint) == ("gpt-4o", 7, hint)


def test_where_quantities_are_told_no_ratio_is_said(openai: Books) -> None:
    bill = openai.bill()
    for day in range(1, 8):
        bill.line(day, "gpt-4o", "output").usd = Decimal("1.80")

    large, _ = deltas.by_model(openai.compare(bills.openai(bill)).lines.all())

    assert (large.open_rows, large.hint) == (7, "")


def test_what_matches_is_not_explained(openai: Books) -> None:
    line = matched(openai).lines.all()[0]

    with pytest.raises(NotToExplain, match="no gap"):
        explain(line)


def test_a_row_of_an_older_comparison_is_not_explained(openai: Books) -> None:
    line = only(with_gap(openai))
    with_gap(openai)

    with pytest.raises(NotToExplain, match="compared anew meanwhile"):
        explain(line)


def test_one_person_signs_within_the_tolerance(openai: Books, ann: User) -> None:
    signed = sign(matched(openai), ann)

    assert (signed.state, signed.needs_two, signed.signed_by, signed.self_approved) == (
        "signed",
        False,
        ann,
        False,
    )
    assert signing.standing(provider=openai.provider, month=OCTOBER) == signed


def test_two_people_sign_beyond_the_tolerance(openai: Books, ann: User, bob: User) -> None:
    run = with_gap(openai)
    waiting = sign(run, ann, "accepted for October")
    assert (waiting.state, signing.standing(provider=openai.provider, month=OCTOBER)) == ("waiting", None)

    signed = signing.second(sign_off=waiting, by=bob, at=timezone.now())

    assert (signed.state, signed.asked_by, signed.signed_by) == ("signed", ann, bob)
    assert signing.standing(provider=openai.provider, month=OCTOBER) == signed


def test_the_second_person_says_something_too(openai: Books, ann: User, bob: User) -> None:
    waiting = sign(with_gap(openai), ann, "accepted for October")

    signing.second(sign_off=waiting, by=bob, at=timezone.now(), note=" seen the invoice ")

    waiting.refresh_from_db()
    assert (waiting.note, waiting.second_note) == ("accepted for October", "seen the invoice")


def test_no_second_note_is_without_its_signature(openai: Books, ann: User) -> None:
    waiting = sign(with_gap(openai), ann, "accepted for October")

    with pytest.raises(IntegrityError, match="sign_off_signed_by_somebody"), transaction.atomic():
        SignOff.objects.filter(pk=waiting.pk).update(second_note="seen")


def test_nobody_is_their_own_second_person(openai: Books, ann: User, settings: Settings) -> None:
    waiting = sign(with_gap(openai), ann, "accepted")

    with pytest.raises(NeedsAnotherPerson):
        signing.second(sign_off=waiting, by=ann, at=timezone.now())
    settings.SELF_APPROVAL = True
    assert signing.second(sign_off=waiting, by=ann, at=timezone.now()).self_approved


def test_a_gap_is_not_accepted_without_a_word(openai: Books, ann: User) -> None:
    with pytest.raises(CannotSign, match="say why"):
        sign(with_gap(openai), ann)


def test_a_month_without_all_its_days_needs_two(openai: Books, ann: User) -> None:
    bill = openai.bill()
    bill.last = OCTOBER.replace(day=5)

    assert sign(openai.compare(bills.openai(bill)), ann, "the rest comes").needs_two


def test_a_month_of_nothing_is_signed_by_one(openai: Books, ann: User) -> None:
    run = runs.keep(provider=openai.provider, month=dt.date(2026, 9, 1), as_of=timezone.now(), by="ann")

    assert (signing.needs_two(run, by=ann), sign(run, ann).state) == ("", "signed")


def test_nobody_signs_alone_for_a_file_of_their_own(openai: Books, ann: User, bob: User) -> None:
    run = openai.compare(bills.openai(openai.bill()), by="ann")
    with pytest.raises(CannotSign, match="It rests on a file that you imported yourself: say why"):
        sign(run, ann)

    waiting = sign(run, ann, "downloaded from the console")
    assert (waiting.state, waiting.needs_two) == ("waiting", True)
    assert signing.second(sign_off=waiting, by=bob, at=timezone.now()).state == "signed"


def test_another_person_signs_alone_for_it_and_the_importer_once_the_vendor_itself_said_so(
    openai: Books, ann: User, bob: User
) -> None:
    run = openai.compare(bills.openai(openai.bill()), by="ann")
    assert signing.needs_two(run, by=bob) == ""

    origin = importing.Origin(openai.provider, "https://", "0" * 64, timezone.now(), "ann", fetched=True)
    fetched = importing.record(files.read("openai", bills.openai(openai.bill())), origin)
    assert signing.needs_two(fetched.runs[-1], by=ann) == ""


def test_a_month_is_signed_once(openai: Books, ann: User) -> None:
    run = matched(openai)
    sign(run, ann)

    with pytest.raises(CannotSign, match="signed already"):
        sign(run, ann)


def test_an_older_comparison_is_not_signed(openai: Books, ann: User) -> None:
    run = matched(openai)
    with_gap(openai)

    with pytest.raises(CannotSign, match="compared anew"):
        sign(run, ann)


def test_asking_again_withdraws_what_waited(openai: Books, ann: User) -> None:
    first = sign(with_gap(openai), ann, "accepted")
    second = sign(with_gap(openai), ann, "accepted")

    first.refresh_from_db()
    assert (first.state, second.state) == ("withdrawn", "waiting")


def test_a_signature_falls_when_the_figures_move_beyond_the_tolerance(openai: Books, ann: User) -> None:
    signed = sign(matched(openai), ann)
    with_gap(openai, tokens=99_000)
    assert signing.standing(provider=openai.provider, month=OCTOBER) == signed
    with_gap(openai, tokens=101_000)

    assert signing.standing(provider=openai.provider, month=OCTOBER) is None
    assert [one.why for one in reconciliation.unsigned(OCTOBER)] == ["the figures moved since it was signed"]


def test_a_signature_is_kept_as_it_is(openai: Books, ann: User) -> None:
    signed = sign(matched(openai), ann)

    for change in (
        lambda: SignOff.objects.filter(pk=signed.pk).update(note="else"),
        lambda: SignOff.objects.filter(pk=signed.pk).delete(),
    ):
        with pytest.raises(IntegrityError, match="signatures are kept"), transaction.atomic():
            change()


def test_vendors_that_nobody_signed_are_in_the_way_of_closing(openai: Books, ann: User) -> None:
    assert [str(one) for one in reconciliation.unsigned(OCTOBER)] == [
        "openai ($32.97): not compared with the vendor's figures"
    ]
    run = matched(openai)
    assert reconciliation.unsigned(OCTOBER)[0].why == "not signed off (matched)"
    sign(run, ann)

    assert reconciliation.unsigned(OCTOBER) == []


def test_the_sandbox_is_signed_by_nobody(openai: Books) -> None:
    openai.provider.is_sandbox = True
    openai.provider.save()

    assert reconciliation.unsigned(OCTOBER) == []


def test_closing_asks_for_vendors(openai: Books) -> None:
    found = closing_obstacles.found(month=OCTOBER, zone=ZoneInfo("UTC"))

    assert [(one.kind, one.subject, one.sentence) for one in found] == [
        ("unreconciled", "openai", "openai is not reconciled: not compared with the vendor's figures.")
    ]


def test_the_sheet_of_a_month(openai: Books, ann: User) -> None:
    sign(matched(openai), ann)
    moment = timezone.now()
    out, again = io.StringIO(), io.StringIO()
    reconciliation.write_sheet(out, month=OCTOBER, as_of=moment)
    with_gap(openai)
    reconciliation.write_sheet(again, month=OCTOBER, as_of=moment)

    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert again.getvalue() == out.getvalue()
    assert len(rows) == 36
    assert rows[0] == {
        "row": "day",
        "provider": "openai",
        "day_utc": "2026-10-01",
        "model": "gpt-4o",
        "token_type": "cache_read",
        "vendor_item": "",
        "our_quantity": "400000",
        "vendor_quantity": "400000",
        "quantity_gap": "0",
        "our_usd": "0.5",
        "vendor_usd": "0.5",
        "gap_usd": "0",
        "status": "matched",
        "differs_by": "",
        "reason": "",
        "evidence": "",
        "explained_by": "",
        "signed_by": "",
        "signed_at": "",
    }
    total = rows[-1]
    assert (total["row"], total["our_usd"], total["gap_usd"], total["signed_by"]) == (
        "total",
        "32.97",
        "0",
        "ann",
    )
    assert sum(Decimal(row["our_usd"]) for row in rows[:-1]) == Decimal("32.97")


def test_runs_of_one_month_are_kept_apart(openai: Books) -> None:
    first, second = matched(openai), with_gap(openai)

    assert runs.latest(provider=openai.provider, month=OCTOBER) == second
    assert (first.gap, second.gap) == (0, 3)
    assert runs.latest(provider=openai.provider, month=dt.date(2026, 9, 1)) is None
