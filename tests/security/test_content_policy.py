"""Pages run only the gateway's own scripts and styles: said in the header, and kept in the templates."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests import factories

FOR_PEOPLE = ("/spend/", "/admin/", "/login/", "/try/")
TEMPLATES = sorted((Path(settings.BASE_DIR) / "templates").rglob("*.html"))
# A document of its own, that no page of the gateway shows: WeasyPrint and the month's pack read it as a file.
DOCUMENTS = ("statement_document.html",)
MARKUP = {
    "a style attribute": r"<[^>]*\sstyle\s*=",
    "a style element": r"<style",
    "an event handler": r"<[^>]*\son\w+\s*=",
    "an inline script": r"<script(?![^>]*(?:\ssrc=|application/json))",
    "a javascript: address": r"""=\s*["']?javascript:""",
    "something of another host": r"""(?:src|srcset)\s*=\s*["']?(?:https?:)?//""",
}


def addresses(patterns: object = None, prefix: str = "/") -> list[str]:
    """Every address for people; whatever is asked for in one is 1, or what looks like it."""
    found = []
    for pattern in get_resolver().url_patterns if patterns is None else patterns:  # type: ignore[attr-defined]
        path = re.sub(r"\^|\$|\\Z", "", f"{prefix}{pattern.pattern}")
        if isinstance(pattern, URLResolver):
            found += addresses(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path.startswith(FOR_PEOPLE):
            found.append(re.sub(r"<(?:(\w+):)?\w+>", lambda named: GIVEN.get(named[1], "1"), path))
    return found


GIVEN = {"uuid": "01a1fd22-2ec4-7025-9baa-82c38324f8b3", "month": "2026-11"}


def directives(policy: str) -> dict[str, list[str]]:
    return {name: rest for name, *rest in (part.split() for part in policy.split(";") if part.strip())}


def policy_of(client: Client, url: str) -> str:
    response = client.get(url)
    if response.streaming:
        response.getvalue()
    return str(response.headers["Content-Security-Policy"])


@pytest.fixture
def root(db: None, client: Client) -> Client:
    person = factories.make_user("root", role="Finance")
    person.is_staff = person.is_superuser = True
    person.save()
    client.force_login(person)
    return client


def test_no_page_allows_anything_inline_or_of_another_host(root: Client) -> None:
    asked = addresses()
    assert {url.split("/")[1] for url in asked} == {"spend", "admin", "login", "try"}
    found = [directives(policy) for policy in {policy_of(root, url) for url in asked}]
    assert [one["default-src"] for one in found] == [["'self'"]]
    (only,) = found
    assert "unsafe" not in str(only)
    assert only["style-src"] == ["'self'"]
    assert [source for source in only["script-src"] if not source.startswith("'nonce-")] == ["'self'"]
    assert only["object-src"] == only["base-uri"] == only["frame-ancestors"] == ["'none'"]


def test_people_who_are_not_logged_in_get_the_same(db: None, client: Client) -> None:
    for url in ("/login/", "/spend/", "/admin/login/"):
        policy = client.get(url).headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert directives(policy)["default-src"] == ["'self'"]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_a_template_has_nothing_that_the_policy_would_refuse(template: Path) -> None:
    text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "", template.read_text(), flags=re.DOTALL)
    found = [what for what, markup in MARKUP.items() if re.search(markup, text, re.IGNORECASE)]
    assert found == (["a style element"] if template.name in DOCUMENTS else [])
