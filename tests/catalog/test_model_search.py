"""Models are found as they are written everywhere: provider/model."""

import pytest
from django.test import Client

from catalog.models import LanguageModel
from tests import factories
from tests.catalog import builders as b

pytestmark = pytest.mark.django_db

PICKER = "/admin/autocomplete/?app_label=catalog&model_name=priceproposal&field_name=model&term="


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(factories.make_user("root", is_superuser=True))
    return client


@pytest.fixture(autouse=True)
def models(db: None) -> None:
    openai, router = (b.provider(name=name) for name in ("openai", "openrouter"))
    for name in ("chatgpt-4o-latest", "gpt-4o-mini", "gpt-4o"):
        b.model(provider=openai, name=name)
    b.model(provider=router, name="openai/gpt-4o")


def found(root: Client, term: str) -> list[str]:
    return [row["text"] for row in root.get(f"{PICKER}{term}").json()["results"]]


@pytest.mark.parametrize(
    ("term", "names"),
    [
        (
            "openai/gpt-4o",
            ["openai/gpt-4o", "openrouter/openai/gpt-4o", "openai/gpt-4o-mini", "openai/chatgpt-4o-latest"],
        ),
        ("gpt-4o-mini", ["openai/gpt-4o-mini"]),
        (
            "GPT-4o",
            ["openai/gpt-4o", "openai/gpt-4o-mini", "openai/chatgpt-4o-latest", "openrouter/openai/gpt-4o"],
        ),
        ("openrouter/openai/gpt-4o", ["openrouter/openai/gpt-4o"]),
        ("openai/none", []),
    ],
)
def test_the_exact_one_comes_first(root: Client, term: str, names: list[str]) -> None:
    assert found(root, term) == names


def test_without_a_term_all_are_offered_in_their_order(root: Client) -> None:
    assert found(root, "") == [str(model) for model in LanguageModel.objects.all()]


@pytest.mark.parametrize("rows", ["price", "priceproposal", "languagemodel"])
def test_lists_are_searched_in_the_same_way(root: Client, rows: str) -> None:
    for model in LanguageModel.objects.all():
        b.price(model=model)
        b.proposal(model=model)

    html = root.get(f"/admin/catalog/{rows}/?q=openai/gpt-4o-mini").content.decode()

    assert "1 result" in html
    assert "gpt-4o-mini" in html
