"""The price book of a newer package against the catalog: differences are proposed, never applied."""

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command

from catalog import pricebook, pricesync, proposals, seeding, vendors
from catalog.models import LanguageModel, Price, PriceProposal
from catalog.pricebook import BEGINNING, ModelRow, PriceBook, PriceRow, VendorRow
from catalog.rates import Rates
from tests.catalog import builders as b

pytestmark = pytest.mark.django_db

VENDOR = vendors.VENDORS[0]  # openai
SOURCE = "genai-prices 0.2.3"


def row(input: str | None = "1", output: str | None = "5", **values: Any) -> PriceRow:
    rates = Rates(input=input and Decimal(input), output=output and Decimal(output))  # type: ignore[arg-type]
    return PriceRow(
        **{
            "variant": "standard",
            "above_input_tokens": 0,
            "daily_from": None,
            "daily_to": None,
            "weekdays": "",
            "effective_from": BEGINNING,
            "effective_to": None,
            "rates": rates,
            "note": "",
            **values,
        }
    )


def book(*prices: PriceRow, name: str = "gpt-x", source: str = SOURCE) -> PriceBook:
    models = (ModelRow(name, 1000, None, {}, prices),) if prices else ()
    return PriceBook(source, (VendorRow(VENDOR, models),), ())


@pytest.fixture
def model() -> LanguageModel:
    return b.model(provider=b.provider(name="openai", kind="openai"), name="gpt-x")


def seeded(model: LanguageModel, **values: Any) -> Price:
    return b.price(model=model, effective_from=BEGINNING, source=SOURCE, **values)


def sync(theirs: PriceBook, *, accept_new: bool = False) -> pricesync.Report:
    return pricesync.sync(book=theirs, accept_new=accept_new, at=b.NOW)


def by_state() -> dict[str, list[str | None]]:
    """The input rates that were proposed, by what became of them."""
    found: dict[str, list[str | None]] = {}
    for proposal in PriceProposal.objects.order_by("pk"):
        found.setdefault(proposal.state, []).append(proposal.rates["input"])
    return found


def results(report: pricesync.Report) -> list[str]:
    return [outcome.result for outcome in report.outcomes]


def test_no_difference_no_proposal(model: LanguageModel) -> None:
    seeded(model)

    assert sync(book(row())).outcomes == ()
    assert not PriceProposal.objects.exists()


def test_a_changed_price_is_proposed_and_the_price_in_force_stays(model: LanguageModel) -> None:
    price = seeded(model)

    report = sync(book(row(input="2"), source="genai-prices 0.3.0"))

    proposal = PriceProposal.objects.get()
    assert results(report) == ["proposed"]
    assert proposal.reason == "changed: input 1 -> 2"
    assert (proposal.current, proposal.rates["input"], proposal.source) == (price, "2", "genai-prices 0.3.0")
    assert [(p.pk, p.input, p.effective_to) for p in model.prices.all()] == [(price.pk, 1, None)]


@pytest.mark.parametrize(
    ("theirs", "reason"),
    [
        (row(input="0"), "HELD BACK: a rate crosses zero: input 1 -> 0"),
        (row(input="20"), "HELD BACK: a rate moves 10x or more: input 1 -> 20"),
        (row(input="0.05"), "HELD BACK: a rate moves 10x or more: input 1 -> 0.05"),
        (row(output=None), "HELD BACK: a rate goes missing: output 5 -> unknown"),
        (row(input="10"), "HELD BACK: a rate moves 10x or more: input 1 -> 10"),
        (row(input="9.99"), "changed: input 1 -> 9.99"),
    ],
)
def test_suspicious_changes_are_held_back_loudly(model: LanguageModel, theirs: PriceRow, reason: str) -> None:
    seeded(model)

    sync(book(theirs), accept_new=True)

    assert PriceProposal.objects.get().reason == reason
    assert model.prices.get().input == 1


def test_a_free_price_that_costs_something_now_is_held_back(model: LanguageModel) -> None:
    seeded(model, input="0")

    sync(book(row()))

    assert PriceProposal.objects.get().reason == "HELD BACK: a rate crosses zero: input 0 -> 1"


@pytest.mark.parametrize("theirs", [book(), book(row(variant="batch"))])
def test_a_price_that_goes_missing_is_held_back(model: LanguageModel, theirs: PriceBook) -> None:
    price = seeded(model)

    sync(theirs)

    proposal = PriceProposal.objects.get(variant="standard")
    assert proposal.reason == "HELD BACK: missing in the price book now"
    assert not any(proposal.rates.values())
    price.refresh_from_db()
    assert price.effective_to is None


def test_a_price_set_by_a_person_is_kept(model: LanguageModel) -> None:
    b.price(model=model, input="0", output="0", source="manual")

    report = sync(book(row()), accept_new=True)

    assert (report.outcomes, report.kept) == ((), 1)
    assert model.prices.get().input == 0


def test_an_announced_price_is_proposed_from_its_day(model: LanguageModel) -> None:
    seeded(model)

    sync(book(row(effective_to=b.FUTURE), row(input="2", effective_from=b.FUTURE)))

    assert PriceProposal.objects.get().effective_from == b.FUTURE


def test_the_past_is_history(model: LanguageModel) -> None:
    seeded(model)

    assert sync(book(row(input="9", effective_to=b.PAST), row(effective_from=b.PAST))).outcomes == ()


class TestAgain:
    def test_the_same_difference_is_one_proposal(self, model: LanguageModel) -> None:
        seeded(model)
        sync(book(row(input="2")))

        assert results(sync(book(row(input="2")))) == ["still open"]
        assert PriceProposal.objects.count() == 1

    def test_newer_rates_take_the_place_of_the_open_proposal(self, model: LanguageModel) -> None:
        seeded(model)
        sync(book(row(input="2")))

        assert results(sync(book(row(input="3")))) == ["proposed"]
        assert by_state() == {"withdrawn": ["2"], "open": ["3"]}

    def test_what_was_dismissed_is_not_proposed_again(self, model: LanguageModel) -> None:
        seeded(model)
        sync(book(row(input="2")))
        proposals.dismiss(PriceProposal.objects.get(), by="ada", at=b.NOW)

        assert results(sync(book(row(input="2")))) == ["dismissed before"]
        assert results(sync(book(row(input="3")))) == ["proposed"]

    def test_what_no_longer_differs_is_closed(self, model: LanguageModel) -> None:
        seeded(model)
        sync(book(row(input="2")))

        assert sync(book(row())).settled == 1
        assert by_state() == {"withdrawn": ["2"]}

    def test_what_differs_again_is_proposed_again(self, model: LanguageModel) -> None:
        seeded(model)
        sync(book(row(input="2")))
        sync(book(row()))

        assert results(sync(book(row(input="2")))) == ["proposed"]
        assert by_state() == {"withdrawn": ["2"], "open": ["2"]}

    def test_a_persons_draft_is_left_alone(self, model: LanguageModel) -> None:
        seeded(model)
        draft = b.proposal(model=model, made_by="ada", from_feed=False, rates={"input": "7"})

        assert results(sync(book(row(input="2")))) == ["proposed"]
        sync(book(row()))

        draft.refresh_from_db()
        assert (draft.state, draft.rates) == ("open", {"input": "7"})

    def test_what_was_accepted_no_longer_differs(self, model: LanguageModel) -> None:
        seeded(model)
        sync(book(row(input="2")))
        proposals.accept(PriceProposal.objects.get(), by="ada", at=b.NOW)

        later = b.NOW + dt.timedelta(seconds=1)
        report = pricesync.sync(book=book(row(input="2")), accept_new=False, at=later)

        assert report.outcomes == ()


class TestNewModels:
    def test_a_new_model_waits_disabled_with_its_prices_proposed(self, model: LanguageModel) -> None:
        report = sync(book(row(), row(input="0.5", variant="batch"), name="gpt-y"))

        new = LanguageModel.objects.get(name="gpt-y")
        assert report.new_models == 1
        assert (new.enabled, new.prices.count(), new.price_proposals.count()) == (False, 0, 2)

    def test_accept_new_adds_its_prices_and_enables_it(self, model: LanguageModel) -> None:
        report = sync(book(row(), row(input="0.5", variant="batch"), name="gpt-y"), accept_new=True)

        new = LanguageModel.objects.get(name="gpt-y")
        assert results(report) == ["accepted", "accepted"]
        assert (new.enabled, new.prices.count(), new.price_proposals.count()) == (True, 2, 0)

    def test_accept_new_prices_a_model_that_has_none(self, model: LanguageModel) -> None:
        sync(book(row()))

        sync(book(row()), accept_new=True)

        assert model.prices.get().input == 1
        assert PriceProposal.objects.get().decided_by == "sync_prices --accept-new"

    def test_a_new_price_of_zero_is_held_back_even_then(self, model: LanguageModel) -> None:
        sync(book(row(input="0", output="0")), accept_new=True)

        assert not model.prices.exists()
        assert PriceProposal.objects.get().reason == "HELD BACK: new price of zero (input, output)"


class TestCommand:
    def test_right_after_seeding_nothing_differs(self) -> None:
        seeding.seed(at=b.NOW)

        assert (
            run() == f"{SOURCE}: 0 differences (0 held back), 0 new models, 0 prices set by people kept, "
            "0 proposals settled\n"
        )

    def test_differences_are_a_table(self) -> None:
        seeding.seed(at=b.NOW)
        model = LanguageModel.objects.get(provider__name="openai", name="gpt-4o")
        Price.objects.filter(model=model, variant="standard").update(effective_to=b.NOW)
        b.price(model=model, effective_from=b.NOW, input="2", output="10", source="genai-prices 0.2.2")

        heading, line, summary = run().splitlines()

        assert heading.split() == ["model", "price", "from", "proposed", "rates", "result", "reason"]
        assert line.startswith("openai/gpt-4o  standard  2020-01-01  input 2.5, output 10, cache_read 1.25")
        assert line.endswith(
            "proposed  changed: input 2 -> 2.5, cache_read as input -> 1.25, per_request unknown -> 0.01"
        )
        assert summary.startswith(f"{SOURCE}: 1 differences (0 held back)")


def run() -> str:
    stdout = io.StringIO()
    call_command("sync_prices", stdout=stdout)
    return stdout.getvalue()


def test_the_book_names_its_source() -> None:
    assert pricebook.read().source == SOURCE
