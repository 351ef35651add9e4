"""M9: every URL of the people's door, for those who have not logged in; and how sessions end."""

from collections.abc import Iterator
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from proxy import policies
from proxy.urls import CALLS
from proxy.views import CallView
from tests import factories

OPEN = {"/login/", "/admin/login/"}  # forms; everything else leads to one of them, or is nothing
REQUEST = "01a1fd22-2ec4-7025-9baa-82c38324f8b3"


def urls(patterns: Any = None, prefix: str = "/") -> Iterator[str]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from urls(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield path


def filled(path: str) -> str:
    known = {"<path:object_id>": "1", "<int:content_type_id>": "1", "<id>": "1", "<uuid:request_id>": REQUEST}
    for slot, value in known.items():
        path = path.replace(slot, value)
    return path


def test_nothing_is_served_to_those_who_are_not_logged_in(db: None) -> None:
    checked = 0
    for client in (Client(), Client(headers={"authorization": "Bearer tg_aaaaaaaa_" + "a" * 40})):
        for path in map(filled, urls()):
            if "(?P" in path or "<" in path or path in OPEN:
                continue
            for answer in (client.get(path), client.post(path, {"name": "x"})):
                where = answer.get("Location", "")
                at_login = answer.status_code == 302 and ("login/?next=" in where or where == "/login/")
                assert at_login or answer.status_code in (403, 404, 405), (path, answer.status_code, where)
            checked += 1
    assert checked > 100


def test_every_call_needs_a_key() -> None:
    views: list[type[CallView]] = [CallView, *CALLS.values()]
    for view in views:
        assert view.authentication_classes == [policies.GatewayKeyAuthentication], view


def test_a_login_ends_with_logout_and_with_a_new_password(db: None) -> None:
    person = factories.make_user("fin", role="Finance")
    one, other = Client(), Client()
    for client in (one, other):
        client.force_login(person)
        assert client.get("/spend/").status_code == 200
    one.post(reverse("logout"))
    assert one.get("/spend/").status_code == 302
    assert other.get("/spend/").status_code == 200
    person.set_password("a new and long one")
    person.save()
    assert other.get("/spend/").status_code == 302


def test_forms_need_the_csrf_token_and_pages_may_not_be_framed(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/login/", {"username": "a", "password": "b"}).status_code == 403
    page = client.get("/login/")
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "script-src 'self'" in page["Content-Security-Policy"]


def test_the_login_leads_to_no_other_site(db: None, client: Client) -> None:
    person = factories.make_user("fin", role="Finance")
    person.set_password("a long enough one")
    person.save()
    form = {"username": "fin", "password": "a long enough one"}
    for place in ("https://thief.test", "//thief.test", "/\\thief.test", "https:///thief.test"):
        assert client.post("/login/", form | {"next": place})["Location"] == "/spend/"
