"""Guessing passwords at either login form takes long; the person whose name it is can still come in."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from gateway_project import login
from tests import factories

PASSWORD = "a long enough one"
FORMS = ("/login/", "/admin/login/")


@pytest.fixture(autouse=True)
def person(db: None, settings: object) -> Iterator[User]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]
    person = factories.make_user("fin", role="Finance")
    person.set_password(PASSWORD)
    person.save()
    cache.clear()
    yield person
    cache.clear()


def attempt(form: str, password: str, *, name: str = "fin", address: str = "192.0.2.1") -> str:
    """``in``, ``wrong`` or ``wait``."""
    answer = Client(REMOTE_ADDR=address).post(form, {"username": name, "password": password})
    if answer.status_code == 302:
        return "in"
    return "wait" if login.TOO_MANY in answer.content.decode() else "wrong"


@pytest.mark.parametrize("form", FORMS)
def test_after_five_failures_even_the_right_password_waits(form: str) -> None:
    assert [attempt(form, "guess") for _ in range(6)] == ["wrong"] * 5 + ["wait"]
    assert [attempt(other, PASSWORD) for other in FORMS] == ["wait", "wait"]
    assert attempt(form, PASSWORD, name="FIN") == "wait"
    assert attempt(form, PASSWORD, address="192.0.2.2") == "in"


@pytest.mark.parametrize("form", FORMS)
def test_a_person_who_mistypes_and_comes_in_starts_anew(form: str) -> None:
    for _ in range(3):
        assert [attempt(form, "tpyo") for _ in range(4)] == ["wrong"] * 4
        assert attempt(form, PASSWORD) == "in"


def test_many_names_from_one_address_wait_too() -> None:
    guesses = [attempt("/login/", "guess", name=f"name{number}") for number in range(21)]
    assert guesses == ["wrong"] * login.PER_ADDRESS + ["wait"]
    assert attempt("/login/", PASSWORD) == "wait"


def test_the_wait_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "WINDOW", 0)  # a counter that ends at once
    assert {attempt("/login/", "guess") for _ in range(7)} == {"wrong"}
