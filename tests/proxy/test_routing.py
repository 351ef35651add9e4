"""From a name to the models that may serve it, in the order in which they are tried."""

import dataclasses
import random
from collections import Counter

import pytest

from catalog.snapshot import key_may_call, may_call
from proxy import errors, routing
from tests.proxy import values

A, B, C = (values.model(name, id=number) for number, name in enumerate(("a", "b", "c"), 1))
HOT = values.route("hot", (A, 1), (B, 1))
CATALOG = values.catalog(HOT, values.route("openai/a", (A, 1)), values.route("cold", (C, 1)))


def order(*targets: object, strategy: str = "weighted", seed: int = 0) -> list[str]:
    route = values.route("r", *targets, strategy=strategy)  # type: ignore[arg-type]
    return [model.name for model in routing.targets_for(route, draw=random.Random(seed))]


def test_an_ordered_route_tries_by_position_whatever_the_weights() -> None:
    assert {tuple(order((A, 1), (B, 99), (C, 0), strategy="ordered", seed=seed)) for seed in range(20)} == {
        ("a", "b", "c")
    }


def test_a_weighted_route_tries_every_target_once() -> None:
    orders = {tuple(order((A, 1), (B, 1), (C, 1), seed=seed)) for seed in range(200)}

    assert len(orders) == 6
    assert {tuple(sorted(one)) for one in orders} == {("a", "b", "c")}


@pytest.mark.parametrize(("weights", "share"), [((70, 30), 0.7), ((1, 1), 0.5), ((1, 9), 0.1)])
def test_a_weighted_route_draws_in_proportion(weights: tuple[int, int], share: float) -> None:
    first = Counter(order((A, weights[0]), (B, weights[1]), seed=seed)[0] for seed in range(4_000))

    assert first["a"] / 4_000 == pytest.approx(share, abs=0.03)


def test_a_weighted_draw_is_repeatable_by_its_seed() -> None:
    assert order((A, 1), (B, 1), (C, 1), seed=7) == order((A, 1), (B, 1), (C, 1), seed=7)


def test_the_second_choice_is_drawn_by_the_weights_that_are_left() -> None:
    after_a = [
        names[1] for seed in range(4_000) if (names := order((A, 2), (B, 1), (C, 3), seed=seed))[0] == "a"
    ]

    assert after_a.count("b") / len(after_a) == pytest.approx(0.25, abs=0.04)


def test_a_target_of_weight_zero_is_not_drawn() -> None:
    assert order((A, 0), (B, 1)) == ["b"]
    assert order((A, 0)) == []


def test_a_known_name_leads_to_its_route() -> None:
    assert routing.route_for(CATALOG, values.key(), "hot") is HOT


def test_an_unknown_name_is_not_found() -> None:
    with pytest.raises(errors.NotFound) as refusal:
        routing.route_for(CATALOG, values.key(), "gpt-9")

    assert (refusal.value.status, refusal.value.code, refusal.value.param) == (
        404,
        "model_not_found",
        "model",
    )
    assert "'gpt-9'" in refusal.value.message


def test_a_model_whose_vendor_has_no_credential_says_so_to_those_who_may_call_it() -> None:
    catalog = dataclasses.replace(CATALOG, unsold={"gpt-9": "openai"})
    with pytest.raises(errors.NotFound, match="is sold by openai, for which no credential is set here"):
        routing.route_for(catalog, values.key(), "gpt-9")
    with pytest.raises(errors.NotFound, match="'gpt-9' does not exist here"):
        routing.route_for(catalog, values.key(team_models=("cold",)), "gpt-9")


def test_a_name_that_is_almost_known_is_not_found() -> None:
    """No fuzzy names: the wrong match is the wrong price (D8)."""
    for name in ("hot-2026", "HOT", "ho", "a", "openai/", ""):
        with pytest.raises(errors.NotFound):
            routing.route_for(CATALOG, values.key(), name)


def test_a_name_that_the_key_may_not_call_is_forbidden() -> None:
    with pytest.raises(errors.Forbidden) as refusal:
        routing.route_for(CATALOG, values.key(team_models=("cold",)), "hot")

    assert (refusal.value.status, refusal.value.code, refusal.value.retry) == (
        403,
        "model_not_allowed",
        False,
    )


@pytest.mark.parametrize(
    ("allowed", "name", "may"),
    [
        (("*",), "openai/gpt-4o", True),
        (("openai/*",), "openai/gpt-4o", True),
        (("openai/*",), "openai/", True),
        (("openai/*",), "anthropic/claude", False),
        (("gpt-4o",), "gpt-4o", True),
        (("gpt-4o",), "gpt-4o-mini", False),
        (("gpt-4o*",), "gpt-4o-mini", True),
        (("*-mini",), "gpt-4o-mini", False),  # only a trailing star is one
        (("warm", "hot"), "hot", True),
        ((), "hot", False),
    ],
)
def test_patterns(allowed: tuple[str, ...], name: str, may: bool) -> None:
    assert may_call(name=name, allowed=allowed) is may


@pytest.mark.parametrize(
    ("team", "key", "may"),
    [
        (("*",), (), True),
        (("*",), ("hot",), True),
        (("*",), ("cold",), False),
        (("cold",), ("hot",), False),  # a key narrows its team, it never widens it
        (("hot", "cold"), ("*",), True),
        ((), ("*",), False),
    ],
)
def test_a_key_narrows_what_its_team_may_call(team: tuple[str, ...], key: tuple[str, ...], may: bool) -> None:
    assert key_may_call(values.key(team_models=team, models=key), "hot") is may


def test_the_visible_names_are_those_that_may_be_called_in_order() -> None:
    visible = routing.visible_names(CATALOG, values.key(team_models=("hot", "openai/*")))

    assert [route.name for route in visible] == ["hot", "openai/a"]
