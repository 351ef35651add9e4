"""Which vendors a fresh installation calls, and which model its first curl names."""

import datetime as dt
import socket

import pytest

from catalog import seeding
from catalog.models import Provider
from gateway_project import bootstrap
from gateway_project.management.commands.serve import PREFERRED

AT = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
VARIABLES = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY")


@pytest.fixture(autouse=True)
def _seeded(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    seeding.seed(at=AT)


@pytest.mark.parametrize(
    ("variable", "vendor", "model"),
    [
        ("OPENAI_API_KEY", "openai", "gpt-4o-mini"),
        ("ANTHROPIC_API_KEY", "anthropic", "claude-haiku-4-5"),
        ("GEMINI_API_KEY", "gemini", "gemini-2.5-flash"),
    ],
)
def test_with_one_key_the_first_curl_names_a_model_of_that_vendor(
    variable: str, vendor: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "a-key")
    assert bootstrap.vendors_with_credential() == {vendor: variable}
    assert bootstrap.model_to_try(PREFERRED) == model


def test_a_vendor_without_a_preferred_model_has_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "a-key")
    name = bootstrap.model_to_try(PREFERRED)
    assert Provider.objects.get(name="mistral").models.filter(name=name, enabled=True).exists()


def test_without_a_key_the_sandbox_sells_it() -> None:
    assert bootstrap.vendors_with_credential() == {}
    bootstrap.use_sandbox(base_url="http://127.0.0.1:9", at=AT)
    assert bootstrap.model_to_try(PREFERRED) == "claude-haiku-4-5"


def test_a_sandbox_that_answers_is_kept() -> None:
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        there.listen()
        bootstrap.use_sandbox(base_url=f"http://127.0.0.1:{there.getsockname()[1]}", at=AT)
        assert bootstrap.sandbox_that_answers() == f"http://127.0.0.1:{there.getsockname()[1]}"
    assert bootstrap.sandbox_that_answers() == ""
