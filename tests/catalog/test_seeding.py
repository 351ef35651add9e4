"""A fresh catalog from the price book, and fake vendors for trying the product."""

import time
from decimal import Decimal

import pytest

from catalog import pricebook, seeding, vault
from catalog.models import LanguageModel, Price, Provider
from catalog.rates import Rates, of
from tests.catalog import builders as b

pytestmark = pytest.mark.django_db

SANDBOX = {
    "openai": "http://127.0.0.1:9000/v1",
    "anthropic": "http://127.0.0.1:9000",
    "gemini": "http://127.0.0.1:9000",
}


def everything() -> list[object]:
    return [list(table.objects.order_by("pk").values()) for table in (Provider, LanguageModel, Price)]


def test_everything_of_the_book_is_in_the_catalog() -> None:
    report = seeding.seed(at=b.NOW)

    book = pricebook.read()
    assert report.providers == Provider.objects.count() == len(book.vendors) == 17
    assert report.models == LanguageModel.objects.count() == sum(len(row.models) for row in book.vendors)
    assert report.prices == Price.objects.count()
    assert report.omissions == book.omissions


def test_rates_arrive_exactly() -> None:
    seeding.seed(at=b.NOW)

    model = LanguageModel.objects.get(provider__name="anthropic", name="claude-haiku-4-5")
    price = model.prices.get(variant="standard")
    assert of(price) == Rates(
        input=Decimal(1),
        output=Decimal(5),
        cache_read=Decimal("0.1"),
        cache_write_5m=Decimal("1.25"),
        cache_write_1h=Decimal(2),
        per_request=Decimal("0.01"),
    )
    assert (price.source, price.source_date) == (pricebook.read().source, b.NOW.date())
    assert price.source.startswith("genai-prices ")


def test_every_stored_price_equals_its_row_in_the_book() -> None:
    seeding.seed(at=b.NOW)

    stored = {
        (
            p.model.provider.name,
            p.model.name,
            p.variant,
            p.above_input_tokens,
            p.daily_from,
            p.daily_to,
            p.weekdays,
            p.effective_from,
            p.effective_to,
            of(p),
            p.note,
        )
        for p in Price.objects.select_related("model__provider")
    }
    assert stored == {
        (row.vendor.name, model.name, *price)
        for row in pricebook.read().vendors
        for model in row.models
        for price in model.prices
    }


def test_a_second_run_changes_nothing() -> None:
    seeding.seed(at=b.NOW)
    before = everything()

    report = seeding.seed(at=b.NOW)

    assert not report.changed
    assert everything() == before


def test_what_people_keep_is_not_touched() -> None:
    provider = b.provider(name="openai", kind="openai", base_url="http://127.0.0.1:9000/v1")
    model = b.model(provider=provider, name="gpt-4o", max_output_tokens=100)
    price = b.price(model=model, input="0", output="0")

    seeding.seed(at=b.NOW)

    assert Provider.objects.get(name="openai").base_url == "http://127.0.0.1:9000/v1"
    assert LanguageModel.objects.get(pk=model.pk).max_output_tokens == 100
    assert list(model.prices.all()) == [price]
    assert provider.models.count() > 100  # the others are added


def test_a_model_that_somebody_left_without_a_price_stays_so() -> None:
    model = b.model(provider=b.provider(name="openai", kind="openai"), name="gpt-4o")

    seeding.seed(at=b.NOW)

    assert not model.prices.exists()


def test_it_is_fast() -> None:
    pricebook.read()
    begin = time.perf_counter()

    seeding.seed(at=b.NOW)

    assert time.perf_counter() - begin < 10


class TestSandbox:
    def test_fake_vendors_sell_well_known_models_at_real_prices(self) -> None:
        seeding.seed(at=b.NOW)

        seeding.seed_sandbox(base_urls=SANDBOX, at=b.NOW)

        fakes = Provider.objects.filter(is_sandbox=True)
        assert {(p.name, p.kind, p.base_url, p.priority) for p in fakes} == {
            (f"sandbox-{kind}", kind, url, 200) for kind, url in SANDBOX.items()
        }
        assert {vault.decrypt(p.api_key_encrypted) for p in fakes} == {"sandbox"}
        for kind, names in seeding.SANDBOX_MODELS.items():
            for name in names:
                fake = LanguageModel.objects.get(provider__name=f"sandbox-{kind}", name=name)
                real = LanguageModel.objects.get(provider__name=kind, name=name)
                assert [of(p) for p in fake.prices.all()] == [of(p) for p in real.prices.all()] != []
                assert fake.context_window == real.context_window is not None
                if "embedding" not in name:
                    assert fake.max_output_tokens

    def test_a_second_run_changes_nothing(self) -> None:
        seeding.seed_sandbox(base_urls=SANDBOX, at=b.NOW)
        before = everything()

        report = seeding.seed_sandbox(base_urls=SANDBOX, at=b.NOW)

        assert not report.changed
        assert everything() == before

    def test_another_port_is_followed(self) -> None:
        seeding.seed_sandbox(base_urls=SANDBOX, at=b.NOW)

        report = seeding.seed_sandbox(
            base_urls={kind: url.replace("9000", "9100") for kind, url in SANDBOX.items()}, at=b.NOW
        )

        assert (report.providers, report.models, report.prices, report.moved) == (0, 0, 0, 3)
        assert Provider.objects.get(name="sandbox-openai").base_url == "http://127.0.0.1:9100/v1"
