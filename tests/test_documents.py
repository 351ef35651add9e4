"""What the documents offer to be pasted works."""

import io
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from django.core.management import call_command

from catalog.declaration import schema
from metering.budgets import webhooks
from metering.declaration import DeclaredBudgets, DeclaredLimit
from metering.models import Limit
from tests.browser.every_page import PAGES

ROOT = Path(__file__).parents[1]


@pytest.mark.django_db
def test_the_example_of_a_set_up_applies_and_a_second_time_changes_nothing() -> None:
    first, second = io.StringIO(), io.StringIO()
    call_command("apply", str(ROOT / "docs" / "example.toml"), stdout=first)
    call_command("apply", str(ROOT / "docs" / "example.toml"), stdout=second)

    assert "+ route warm: ordered: house-llm/small, house-llm/large" in first.getvalue()
    assert "no changes" in second.getvalue()
    assert Limit.objects.filter(team__name="web-search").count() == 2


def keys(table: Any) -> Iterator[str]:
    """Every key that a file may have, by the schema that reads it."""
    for name, annotation in get_type_hints(table, include_extras=True).items():
        yield name
        for inner in _tables(annotation):
            yield from keys(inner)


def _tables(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield annotation
    for inner in get_args(annotation):
        yield from _tables(inner)


@pytest.mark.parametrize("table", [schema.Content, DeclaredLimit, DeclaredBudgets])
def test_the_example_names_every_key_but_those_of_other_documents(table: type) -> None:
    text = (ROOT / "docs" / "example.toml").read_text()
    elsewhere = {*schema.Policy.__struct_fields__, "policy"}  # docs/reliability.md
    elsewhere |= {name for name in schema.Model.__struct_fields__ if name.endswith("_timeout")}
    elsewhere |= {"capabilities", "cache_ttl", "limits", "budgets", "credentials", "keys", "prices"}

    missing = {name for name in set(keys(table)) - elsewhere if not re.search(rf"\b{name}\b", text)}

    assert missing == set()


def test_the_documented_recipe_verifies_a_webhook() -> None:
    [recipe] = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "budgets.md").read_text(), flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(recipe, names)  # noqa: S102 - our own document
    body, now = b'{"id": "1"}', int(time.time())

    assert names["is_genuine"](
        "whsec_x", webhooks.signature(secret="whsec_x", body=body, timestamp=now), body
    )
    for secret, sent, at in (("whsec_y", body, now), ("whsec_x", b"{}", now), ("whsec_x", body, now - 400)):
        header = webhooks.signature(secret="whsec_x", body=body, timestamp=at)
        assert not names["is_genuine"](secret, header, sent)


def test_every_picture_of_the_pages_is_there_and_shown() -> None:
    folder = ROOT / "docs" / "images" / "pages"
    shown = set(re.findall(r"images/pages/([a-z-]+\.png)", (ROOT / "docs" / "pages.md").read_text()))

    assert {path.name for path in folder.glob("*.png")} >= shown
    assert {name.rpartition("-")[0] for name in shown} == set(PAGES) - {"what-if-empty"}


@pytest.mark.parametrize("document", [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"])
def test_links_of_documents_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []
