"""The catalog snapshot, read from real rows: what can be called, by which names, by whom."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from catalog import snapshot_loading, vault
from catalog.models import Provider, Route, RouteTarget
from catalog.snapshot import CatalogSnapshot, RouteRow
from tests import factories as f

NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def provider(name: str = "openai", **fields: Any) -> Provider:
    """A provider with a credential of its own."""
    return f.make_provider(name, **({"api_key_encrypted": vault.encrypt(f"secret of {name}")} | fields))


def route(name: str, *models: Any, **fields: Any) -> Route:
    made = Route.objects.create(name=name, **fields)
    for position, model in enumerate(models):
        RouteTarget.objects.create(route=made, model=model, position=position, weight=position + 1)
    return made


def targets(route: RouteRow | None) -> list[str]:
    assert route is not None
    return [model.full_name for model, _ in route.targets]


@pytest.fixture
def load(own: str) -> Callable[[], CatalogSnapshot]:
    """Reads on an async connection, as a worker does; rows are made before."""
    import asyncio

    async def read() -> CatalogSnapshot:
        async with await psycopg.AsyncConnection.connect(own) as connection:
            return await snapshot_loading.load(connection, at=NOW)

    return lambda: asyncio.run(read())


Load = Callable[[], CatalogSnapshot]


def test_an_empty_catalog(load: Load) -> None:
    assert load() == CatalogSnapshot(keys={}, routes={}, providers={}, models={})


def test_a_model_is_called_by_its_full_name_and_by_its_bare_name(load: Load) -> None:
    f.make_model("gpt-4o", provider=provider())

    routes = load().routes

    assert sorted(routes) == ["gpt-4o", "openai/gpt-4o"]
    assert targets(routes["gpt-4o"]) == targets(routes["openai/gpt-4o"]) == ["openai/gpt-4o"]


def test_a_bare_name_that_several_sell_tries_the_lowest_priority_number_first_then_by_name(
    load: Load,
) -> None:
    for name, priority in (("cheap", 100), ("azure", 100), ("first", 10)):
        f.make_model("llama", provider=provider(name, priority=priority))

    found = load().route("llama")

    assert targets(found) == ["first/llama", "azure/llama", "cheap/llama"]
    assert found is not None
    assert found.strategy == "ordered"


def test_a_route_overrides_the_bare_name_of_a_model(load: Load) -> None:
    f.make_model("gpt-4o", provider=provider())
    mini = f.make_model("gpt-4o-mini", provider=provider())
    route("gpt-4o", mini)

    assert targets(load().route("gpt-4o")) == ["openai/gpt-4o-mini"]
    assert targets(load().route("openai/gpt-4o")) == ["openai/gpt-4o"]


def test_a_route_keeps_strategy_order_weights_and_cache(load: Load) -> None:
    one, two = f.make_model("a", provider=provider()), f.make_model("b", provider=provider())
    route("warm", two, one, strategy="weighted", cache_ttl=300)

    found = load().route("warm")

    assert found is not None
    assert (found.strategy, found.cache_ttl) == ("weighted", 300)
    assert [(model.name, weight) for model, weight in found.targets] == [("b", 1), ("a", 2)]


def test_what_is_disabled_is_absent(load: Load) -> None:
    gone = provider("gone", enabled=False)
    of_gone, disabled, good = (
        f.make_model("of-gone", provider=gone),
        f.make_model("disabled", provider=provider(), enabled=False),
        f.make_model("good", provider=provider()),
    )
    route("mixed", of_gone, disabled, good)
    route("none-left", of_gone, disabled)
    route("switched-off", good, enabled=False)

    snapshot = load()

    assert sorted(snapshot.routes) == ["good", "mixed", "none-left", "openai/good"]
    assert targets(snapshot.route("none-left")) == []
    assert targets(snapshot.route("mixed")) == ["openai/good"]
    assert list(snapshot.models) == [good.pk]
    assert list(snapshot.providers) == [good.provider_id]


def test_a_disabled_route_hides_the_model_of_its_name(load: Load) -> None:
    route("gpt-4o", f.make_model("gpt-4o", provider=provider()), enabled=False)

    assert sorted(load().routes) == ["openai/gpt-4o"]


def test_a_stored_credential_is_decrypted_and_never_printed(load: Load) -> None:
    row = provider(base_url="https://openai.example/v1/")

    found = load().providers[row.pk]

    assert (found.api_key, found.base_url) == ("secret of openai", "https://openai.example/v1")
    assert "secret" not in repr(found)


def test_a_credential_from_the_environment(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TEST_API_KEY", "from the environment")
    row = f.make_provider("openai", api_key_env="A_TEST_API_KEY")

    assert load().providers[row.pk].api_key == "from the environment"


@pytest.mark.parametrize(
    ("fields", "present"),
    [
        ({"kind": "openai"}, False),
        ({"kind": "anthropic"}, False),
        ({"kind": "gemini"}, False),
        ({"kind": "openai_compatible"}, True),  # a local server may need none
        ({"kind": "openai_compatible", "api_key_env": "NOT_SET_ANYWHERE_API_KEY"}, False),
        ({"kind": "openai", "api_key_encrypted": "encrypted under another SECRET_KEY"}, False),
        ({"kind": "openai_compatible", "api_key_encrypted": "encrypted under another SECRET_KEY"}, False),
    ],
)
def test_a_provider_that_misses_its_credential_is_absent_with_its_models(
    load: Load, fields: dict[str, Any], present: bool
) -> None:
    row = f.make_provider("vendor", **fields)
    f.make_model("m", provider=row)

    snapshot = load()

    assert (row.pk in snapshot.providers) is present
    assert ("vendor/m" in snapshot.routes) is present


def test_prices_come_with_their_model_and_are_exact(load: Load) -> None:
    model = f.make_model("gpt-4o", provider=provider())
    price = f.make_price(model, input="2.500000", output="10", per_request="0.000001")

    [row] = load().models[model.pk].prices

    assert (row.id, row.effective_from, row.effective_to, row.variant) == (
        price.pk,
        f.PRICED_SINCE,
        None,
        "standard",
    )
    assert {name: rate for name, rate in row.rates.items() if rate is not None} == {
        "input": Decimal("2.5"),
        "output": Decimal(10),
        "per_request": Decimal("0.000001"),
    }


def test_prices_that_ended_within_a_day_or_have_yet_to_begin_are_there_and_older_ones_are_not(
    load: Load,
) -> None:
    model = f.make_model("gpt-4o", provider=provider())
    starts = [NOW - 30 * DAY, NOW - 2 * DAY, NOW - DAY / 2, NOW + DAY]
    made = [
        f.make_price(model, effective_from=start, effective_to=end)
        for start, end in zip(starts, [*starts[1:], None], strict=True)
    ]

    assert [row.id for row in load().models[model.pk].prices] == [price.pk for price in made[1:]]


def test_a_model_without_a_price_can_be_called(load: Load) -> None:
    model = f.make_model("gpt-next", provider=provider())

    assert load().models[model.pk].prices == ()


def test_keys_are_found_by_their_prefix(load: Load) -> None:
    team = f.make_team("search", models=["openai/*"])
    key = f.make_key("ci", team=team, models=["openai/gpt-4o"], expires_at=NOW + DAY)

    found = load().keys[key.prefix]

    assert (found.id, found.name, found.digest, found.expires_at) == (key.pk, "ci", key.digest, NOW + DAY)
    assert (found.team.id, found.team.name, found.team.models) == (team.pk, "search", ("openai/*",))
    assert found.models == ("openai/gpt-4o",)
    assert key.digest not in repr(found)


def test_revoked_keys_and_keys_of_disabled_teams_are_absent(load: Load) -> None:
    good = f.make_key("good")
    f.make_key("revoked", revoked_at=NOW)
    f.make_key("closed", team=f.make_team("closed", enabled=False))

    assert list(load().keys) == [good.prefix]
