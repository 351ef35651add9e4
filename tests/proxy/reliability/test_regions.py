"""The order of targets by region and drain. The gateway is in eu unless said otherwise."""

import pytest

from catalog.snapshot import ModelRow
from gateway_project import env
from proxy.reliability import regions
from tests.proxy import values


def target(name: str, *, region: str = "", priority: int = 100) -> ModelRow:
    number = sum(name.encode())
    provider = values.provider(name, id=number, region=region, priority=priority)
    return values.model(id=number, of=provider)


US, EU, ASIA = target("us", region="us"), target("eu", region="eu"), target("asia", region="asia")


def order(
    *targets: ModelRow, region: str = "eu", drained: tuple[ModelRow, ...] = (), keep_order: bool = False
) -> list[str]:
    slow = {model.provider.id for model in drained}
    ordered = regions.ordered(
        targets, region=region, is_drained=lambda provider: provider in slow, keep_order=keep_order
    )
    return [model.provider.name for model in ordered]


def test_the_own_region_comes_first_and_the_others_stay_as_they_came() -> None:
    assert order(US, ASIA, EU) == ["eu", "us", "asia"]


def test_a_gateway_without_a_region_prefers_none() -> None:
    assert order(US, EU, target("anywhere"), region="") == ["us", "eu", "anywhere"]


def test_a_provider_without_a_region_is_not_near() -> None:
    assert order(target("anywhere"), EU) == ["eu", "anywhere"]


def test_a_better_priority_is_worth_more_than_nearness() -> None:
    assert order(target("first", region="us", priority=10), EU) == ["first", "eu"]


def test_an_admins_order_is_not_changed_by_the_region() -> None:
    assert order(US, EU, keep_order=True) == ["us", "eu"]


def test_a_drained_provider_comes_last_and_is_not_left_out() -> None:
    assert order(EU, US, ASIA, drained=(EU,)) == ["us", "asia", "eu"]


def test_a_drained_provider_comes_last_in_an_admins_order_too() -> None:
    assert order(EU, US, ASIA, drained=(EU, US), keep_order=True) == ["asia", "eu", "us"]


def test_several_targets_of_one_provider_ask_once_whether_it_is_drained() -> None:
    """The answer may let this one call be the probe: a second question would spoil it."""
    asked: list[int] = []
    two = [EU, values.model("gpt-4o-mini", id=7, of=EU.provider), US]

    def is_drained(provider: int) -> bool:
        asked.append(provider)
        return False

    regions.ordered(two, region="eu", is_drained=is_drained, keep_order=False)
    assert asked == [EU.provider.id, US.provider.id]


def test_a_single_target_is_not_asked_about() -> None:
    assert order(EU, drained=(EU,)) == ["eu"]
    assert order() == []


def test_the_gateways_region_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGION", raising=False)
    assert env.read().region == ""
    monkeypatch.setenv("REGION", "eu")
    assert env.read().region == "eu"
