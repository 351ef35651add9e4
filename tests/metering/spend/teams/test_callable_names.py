"""What a key of a team can be narrowed to."""

import pytest

from catalog.models import Route, Team
from metering.spend.teams import callable_names
from metering.spend.teams.callable_names import Group, covered
from tests import factories


@pytest.fixture
def catalog(db: None) -> None:
    """Two routes; openai answers, a local server needs no credential, mistral has none, azure is off."""
    for name in ("auto", "warm"):
        Route.objects.create(name=name)
    Route.objects.create(name="hidden", enabled=False)
    openai = factories.make_provider("openai", priority=1)
    openai.set_credential("sk-of-the-vendor")
    openai.save()
    for name in ("gpt-4o", "gpt-4o-mini"):
        factories.make_model(name, provider=openai)
    factories.make_model("retired", provider=openai, enabled=False)
    factories.make_model("llama", provider=factories.make_provider("local", kind="openai_compatible"))
    factories.make_model("large", provider=factories.make_provider("mistral"))
    azure = factories.make_provider("azure", kind="openai_compatible", enabled=False)
    factories.make_model("gpt-4o", provider=azure)


def team(*models: str) -> Team:
    return Team(name="search", models=list(models))


def test_all_that_answers_for_a_team_that_may_call_everything(catalog: None) -> None:
    assert callable_names.offered(team=team("*")) == (
        Group("Routes", ("auto", "warm")),
        Group("openai", ("openai/gpt-4o", "openai/gpt-4o-mini"), "openai/*"),
        Group("local", ("local/llama",), "local/*"),
    )


def test_no_more_than_the_team_may(catalog: None) -> None:
    assert callable_names.offered(team=team("warm", "openai/gpt-4o-*", "llama")) == (
        Group("Routes", ("warm",)),
        Group("openai", ("openai/gpt-4o-mini",)),
        Group("local", ("llama",)),
    )


def test_nothing_for_a_team_that_may_call_nothing(catalog: None) -> None:
    assert callable_names.offered(team=team()) == ()


@pytest.mark.parametrize(
    ("pattern", "by", "whole"),
    [
        ("openai/*", ["*"], True),
        ("openai/*", ["openai/*"], True),
        ("openai/*", ["open*"], True),
        ("openai/*", ["openai/gpt*"], False),
        ("openai/*", ["openai/gpt-4o", "warm"], False),
        ("openai/gpt-4o", ["openai/*"], True),
        ("openai/gpt-4o", ["openai/gpt-4o"], True),
        ("openai/gpt-4o", ["openai/gpt-4o-mini"], False),
        ("*", ["openai/*"], False),
        ("*", [], False),
    ],
)
def test_a_pattern_is_covered_by_a_wider_one(pattern: str, by: list[str], whole: bool) -> None:
    assert covered(pattern, by=by) is whole


@pytest.mark.parametrize(
    ("of_team", "of_key", "name"),
    [
        (["*"], [], "auto"),
        (["warm", "openai/*"], [], "warm"),
        (["*"], ["openai/*"], "openai/gpt-4o"),
        (["*"], ["local/llama"], "local/llama"),
    ],
)
def test_a_name_to_try_a_key_with(catalog: None, of_team: list[str], of_key: list[str], name: str) -> None:
    assert callable_names.example(team=team(*of_team), models=of_key) == name
