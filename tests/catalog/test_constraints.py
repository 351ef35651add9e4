"""Every constraint of the catalog, by name: a row that passes and a row that raises."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from catalog.models import KeyEvent
from tests.catalog import builders as b

pytestmark = pytest.mark.django_db

Build = Callable[[], Any]


def twice(build: Callable[..., Any], first: dict[str, Any], second: dict[str, Any]) -> None:
    build(**first)
    build(**second)


def two_models(one: str, other: str) -> None:
    provider = b.provider()
    twice(b.model, {"provider": provider, "name": one}, {"provider": provider, "name": other})


def two_credentials(one: str, other: str) -> None:
    provider = b.provider()
    twice(b.credential, {"provider": provider, "name": one}, {"provider": provider, "name": other})


def two_proposals(**second: Any) -> None:
    model = b.model()
    twice(b.proposal, {"model": model}, {"model": model, **second})


def two_drafts(**second: Any) -> None:
    first = {"model": b.model(), "made_by": "ada", "from_feed": False}
    twice(b.proposal, first, {**first, **second})


def decided(**values: Any) -> None:
    b.proposal(**{"state": "accepted", "decided_by": "bob", "decided_at": b.NOW, **values})


def two_targets(*, same_model: bool = False, positions: tuple[int, int] = (0, 1)) -> None:
    route, model = b.route(), b.model()
    b.target(route=route, model=model, position=positions[0])
    b.target(route=route, model=model if same_model else b.model(), position=positions[1])
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def two_keys(**first: Any) -> None:
    team = b.team()
    twice(b.api_key, {"team": team, "name": "ci", **first}, {"team": team, "name": "ci"})


def two_events(one: str, other: str) -> None:
    key = b.api_key()
    twice(b.key_event, {"key": key, "action": one}, {"key": key, "action": other})


CASES: dict[str, tuple[Build, Build]] = {
    "provider_name_is_slug": (lambda: b.provider(name="open-ai.2"), lambda: b.provider(name="Open AI")),
    "provider_kind_known": (lambda: b.provider(kind="gemini"), lambda: b.provider(kind="bedrock")),
    "provider_base_url_is_http": (
        lambda: b.provider(base_url="http://127.0.0.1:9000/v1"),
        lambda: b.provider(base_url="127.0.0.1:9000"),
    ),
    "provider_credential_variable_is_a_key": (
        lambda: (b.provider(api_key_env=""), b.provider(api_key_env="ACME_2_API_KEY")),
        lambda: b.provider(api_key_env="SECRET_KEY"),
    ),
    "provider_timeouts_positive": (
        lambda: b.provider(idle_timeout=0.1),
        lambda: b.provider(idle_timeout=0),
    ),
    "provider_attempts_in_range": (
        lambda: b.provider(max_attempts=10),
        lambda: b.provider(max_attempts=11),
    ),
    "provider_breaker_in_range": (
        lambda: b.provider(breaker_failure_rate=1),
        lambda: b.provider(breaker_failure_rate=1.01),
    ),
    "provider_patience_in_range": (
        lambda: b.provider(retry_budget=0),
        lambda: b.provider(retry_budget=-0.01),
    ),
    "provider_on_leave_known": (
        lambda: b.provider(on_leave="cancel"),
        lambda: b.provider(on_leave="ignore"),
    ),
    "provider_tolerance_not_negative": (
        lambda: b.provider(reported_cost_tolerance=Decimal(0)),
        lambda: b.provider(reported_cost_tolerance=Decimal("-0.0001")),
    ),
    "credential_unique_per_provider": (
        lambda: two_credentials("second", "third"),
        lambda: two_credentials("second", "second"),
    ),
    "credential_name_is_slug": (
        lambda: b.credential(name="eu-2.b_c"),
        lambda: b.credential(name="EU key"),
    ),
    "credential_variable_is_a_key": (
        lambda: (b.credential(api_key_env=""), b.credential(api_key_env="ACME_2_API_KEY")),
        lambda: b.credential(api_key_env="SECRET_KEY"),
    ),
    "credential_weight_positive": (lambda: b.credential(weight=1), lambda: b.credential(weight=0)),
    "model_unique_per_provider": (
        lambda: two_models("gpt-4o", "gpt-4o-mini"),
        lambda: two_models("gpt-4o", "gpt-4o"),
    ),
    "model_name_not_empty": (lambda: b.model(name="meta/llama:free"), lambda: b.model(name="")),
    "model_sizes_positive": (lambda: b.model(context_window=1), lambda: b.model(context_window=0)),
    "model_timeouts_positive": (
        lambda: b.model(first_byte_timeout=0.1),
        lambda: b.model(first_byte_timeout=0),
    ),
    "price_period_not_empty": (
        lambda: b.price(effective_from=b.PAST, effective_to=b.NOW),
        lambda: b.price(effective_from=b.NOW, effective_to=b.NOW),
    ),
    "price_rates_not_negative": (lambda: b.price(input="0"), lambda: b.price(input="-0.1")),
    "price_rates_six_decimals": (
        lambda: b.price(cache_read="0.000001"),
        lambda: b.price(cache_read=Decimal("0.0000001")),
    ),
    "price_variant_known": (lambda: b.price(variant="flex"), lambda: b.price(variant="express")),
    "price_weekdays_known": (
        lambda: b.price(daily_from="01:00", daily_to="04:00", weekdays="mon-fri"),
        lambda: b.price(daily_from="01:00", daily_to="04:00", weekdays="mon"),
    ),
    "price_hours_both_or_none": (
        lambda: b.price(daily_from="22:00", daily_to="02:00"),
        lambda: b.price(daily_from="22:00"),
    ),
    "price_has_a_rate": (
        lambda: b.price(input=None, output=None, per_request="0.01"),
        lambda: b.price(input=None, output=None, cache_read="0.01"),
    ),
    "price_no_overlap": (
        lambda: twice(
            b.price,
            {"model": (model := b.model()), "effective_to": b.NOW},
            {"model": model, "effective_from": b.NOW},
        ),
        lambda: twice(b.price, {"model": (model := b.model())}, {"model": model, "effective_from": b.NOW}),
    ),
    "price_tier_known": (
        lambda: b.price(tier="marginal", above_input_tokens=1, output=None),
        lambda: b.price(tier="half"),
    ),
    "price_marginal_is_of_input": (
        lambda: b.price(tier="marginal", above_input_tokens=1, output=None, cache_read="0.1"),
        lambda: b.price(tier="marginal", above_input_tokens=0, output=None),
    ),
    "price_list_rates_well_formed": (
        lambda: b.price(list_rates={"input": "1.25", "per_request": "0.000001"}),
        lambda: b.price(list_rates={"input": "1.2500001"}),
    ),
    "price_proposal_state_known": (
        lambda: decided(state="withdrawn"),
        lambda: decided(state="shelved"),
    ),
    "price_proposal_says_who": (lambda: b.proposal(made_by="ada"), lambda: b.proposal(made_by="")),
    "price_proposal_decided_or_open": (
        lambda: (b.proposal(), decided(state="dismissed")),
        lambda: b.proposal(state="dismissed"),
    ),
    "price_proposal_approved_by_another": (
        lambda: (
            decided(made_by="ada", from_feed=False, decided_by="bob"),
            decided(made_by="ada", from_feed=False, decided_by="ada", self_approved=True),
            decided(made_by="ada", from_feed=False, decided_by="ada", state="withdrawn"),
        ),
        lambda: decided(made_by="ada", from_feed=False, decided_by="ada"),
    ),
    "price_proposal_rates_well_formed": (
        lambda: b.proposal(rates={"input": "0", "output": None}, list_rates={"input": "1"}),
        lambda: b.proposal(rates={"inptu": "1"}),
    ),
    "price_proposal_one_open_each": (
        lambda: (two_proposals(variant="batch"), two_proposals(from_feed=False)),
        two_proposals,
    ),
    "price_proposal_drafted_once": (
        lambda: (two_drafts(made_by="bob"), two_drafts(effective_from=b.NOW)),
        two_drafts,
    ),
    "route_name_valid": (lambda: b.route(name="tier/hot_v1.2:x"), lambda: b.route(name="a route")),
    "route_strategy_known": (lambda: b.route(strategy="cheapest"), lambda: b.route(strategy="random")),
    "route_on_content_filter_known": (
        lambda: b.route(on_content_filter="next"),
        lambda: b.route(on_content_filter="hide"),
    ),
    "route_hedge_positive": (lambda: b.route(hedge_after=0.1), lambda: b.route(hedge_after=0)),
    "route_target_once": (two_targets, lambda: two_targets(same_model=True)),
    "route_position_once": (two_targets, lambda: two_targets(positions=(1, 1))),
    "team_name_is_slug": (lambda: b.team(name="search_2"), lambda: b.team(name="Search")),
    "api_key_name_once_per_team": (lambda: two_keys(revoked_at=b.NOW), two_keys),
    "api_key_digest_is_sha256": (lambda: b.api_key(digest="a" * 64), lambda: b.api_key(digest="A" * 64)),
    "api_key_name_not_empty": (lambda: b.api_key(name="ci"), lambda: b.api_key(name="")),
    "former_secret_digest_is_sha256": (
        lambda: b.former_secret(digest="a" * 64),
        lambda: b.former_secret(digest="A" * 64),
    ),
    "former_secret_ends_after_it_was_replaced": (
        lambda: b.former_secret(ends_at=b.NOW),
        lambda: b.former_secret(ends_at=b.PAST),
    ),
    "key_event_action_known": (lambda: b.key_event(action="ended"), lambda: b.key_event(action="lent")),
    "key_event_by_a_person_says_why": (
        lambda: (b.key_event(), b.key_event(by=b.person(), reason="leaked")),
        lambda: b.key_event(by=b.person()),
    ),
    "key_event_begins_and_ends_once": (
        lambda: two_events("rotated", "rotated"),
        lambda: two_events("revoked", "revoked"),
    ),
    "key_event_stays": (b.key_event, lambda: KeyEvent.objects.filter(pk=b.key_event().pk).update(reason="")),
}
IN_SQL = {"price_no_overlap", "key_event_stays"}


@pytest.mark.parametrize("name", CASES)
def test_what_it_allows(name: str) -> None:
    CASES[name][0]()


@pytest.mark.parametrize("name", CASES)
def test_what_it_refuses(name: str) -> None:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        CASES[name][1]()

    assert refusal.value.__cause__.diag.constraint_name == name  # type: ignore[union-attr]


def refused(build: Callable[..., Any], **values: Any) -> str:
    """The constraint that refuses such a row."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        build(**values)
    return str(refusal.value.__cause__.diag.constraint_name)  # type: ignore[union-attr]


# column -> (the values at its edges, the nearest that are out of range)
PATIENCE: dict[str, tuple[list[float | None], list[float]]] = {
    "breaker_slow_seconds": ([None, 0.1], [0, -1]),
    "breaker_slow_rate": ([0.01, 1], [0, 1.01]),
    "health_check_interval": ([None, 1], [0.99, 0]),
    "first_token_timeout": ([None, 0.1], [0, -1]),
    "retry_budget": ([0, 1], [-0.01, 1.01]),
    "max_in_flight": ([None, 1], [0]),
    "queue_seconds": ([0, 60], [-0.1, 60.1]),
    "drain_seconds": ([0, 600], [-0.1, 600.1]),
}


@pytest.mark.parametrize("column", PATIENCE)
def test_every_column_of_a_providers_patience_has_its_range(column: str) -> None:
    edges, beyond = PATIENCE[column]
    for value in edges:
        b.provider(**{column: value})

    found = {value: refused(b.provider, **{column: value}) for value in beyond}

    assert found == dict.fromkeys(beyond, "provider_patience_in_range")


@pytest.mark.parametrize(
    "column", ["first_byte_timeout", "first_token_timeout", "idle_timeout", "total_timeout"]
)
def test_every_timeout_of_a_model_is_the_providers_or_positive(column: str) -> None:
    b.model(**{column: None})
    b.model(**{column: 0.1})

    assert refused(b.model, **{column: 0}) == "model_timeouts_positive"


# What no list of rates may be: (rates, of a price and of a draft alike).
NOT_RATES: list[Any] = [
    [],
    "input",
    {"input": 1},
    {"input": 1.5},
    {"input": "-1"},
    {"input": "1e3"},
    {"input": ""},
    {"input": "1."},
    {"input": "NaN"},
    {"input": "0.0000001"},
    {"tokens": "1"},
    {"input": {"amount": "1"}},
]


@pytest.mark.parametrize("rates", NOT_RATES, ids=repr)
def test_rates_kept_as_text_are_plain_decimals_of_known_names(rates: Any) -> None:
    assert refused(b.price, list_rates=rates) == "price_list_rates_well_formed"
    assert refused(b.proposal, rates=rates) == "price_proposal_rates_well_formed"
    assert refused(b.proposal, list_rates=rates) == "price_proposal_rates_well_formed"


@pytest.mark.parametrize("rate", ["output", "reasoning", "audio_output", "per_request"])
def test_a_marginal_price_has_no_rate_that_would_never_apply(rate: str) -> None:
    marginal = {"tier": "marginal", "above_input_tokens": 200_000, "output": None, rate: "1"}

    assert refused(b.price, **marginal) == "price_marginal_is_of_input"


def test_two_providers_may_each_have_a_credential_of_the_same_name() -> None:
    twice(b.credential, {"name": "second"}, {"name": "second"})


def test_no_further_credential_is_named_as_the_providers_own() -> None:
    assert refused(b.credential, name="default") == "credential_name_is_slug"


def test_no_constraint_is_untested() -> None:
    declared = {
        constraint.name
        for model in apps.get_app_config("catalog").get_models()
        for constraint in model._meta.constraints
    }

    assert declared | IN_SQL == set(CASES)
