"""Section F, the part on targets: who comes next, and who never does (F5, F10, F11, F12)."""

import json
from collections.abc import Iterator

import pytest

from tests.checks import faulty
from tests.checks.faulty import KINDS, TEXT, answered, provider, route, site, sites_asked
from tests.live.house import House, Row
from tests.live.surfaces import SURFACES, Surface, streamed

pytestmark = pytest.mark.live

ORDER = {kind: KINDS[(number + 1) % len(KINDS)] for number, kind in enumerate(KINDS)}
CONFIGURATION = "".join(
    [
        *[provider(f"first-{kind}", kind) for kind in KINDS],
        *[provider(f"next-{kind}", kind) for kind in KINDS],
        *[route(f"{kind}-then", f"first-{kind}", f"next-{ORDER[kind]}") for kind in KINDS],
        *[provider(name, first_byte_timeout=1.0) for name in ("one", "two", "three")],
        route("chain", "one", "two", "three"),
        provider("dear", price=("1000.00", "2000.00")),
        route("cheap-or-dear", "one", "dear"),
        """
[[teams]]
name = "thrifty"
models = ["*"]
[[teams.limits]]
amount = "0.05"
period = "total"
""",
    ]
)
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
EACH_SURFACE = pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@pytest.fixture(autouse=True)
def _invariants(house: House) -> Iterator[None]:
    yield
    faulty.books_agree_with_vendors(house)


def refused(house: House, *lines: str) -> str:
    """What ``manage.py apply`` says of a file that it refuses; nothing of it is kept."""
    before = house.sql("SELECT name FROM catalog_route ORDER BY name")
    done = house.manage("apply", "-", stdin="\n".join(lines))
    assert done.returncode != 0
    assert house.sql("SELECT name FROM catalog_route ORDER BY name") == before
    return done.stdout + done.stderr


# F5: targets are models and never routes, so a cycle cannot be written down.


def test_f5_a_route_that_names_itself_is_refused(house: House) -> None:
    said = refused(house, "[[routes]]", 'name = "loop"', 'targets = ["loop"]')

    assert "line 3" in said
    assert "loop" in said


def test_f5_routes_that_name_each_other_are_refused(house: House) -> None:
    said = refused(
        house,
        *("[[routes]]", 'name = "here"', 'targets = ["one/m", "there"]'),
        *("[[routes]]", 'name = "there"', 'targets = ["two/m", "here"]'),
    )

    assert "line 3" in said
    assert "there" in said


def test_f5_a_target_given_twice_is_refused(house: House) -> None:
    said = refused(house, "[[routes]]", 'name = "twice"', 'targets = ["one/m", "two/m", "one/m"]')

    assert "one/m" in said


def test_f5_the_admin_refuses_a_target_that_is_no_model(house: House) -> None:
    [loop] = house.sql("SELECT id FROM catalog_route WHERE name = 'chain'")
    models = {row["id"] for row in house.sql("SELECT id FROM catalog_languagemodel")}
    not_a_model = max({loop["id"], *models}) + 1
    with house.person("route-admin") as browser:
        page = browser.get("/admin/catalog/route/add/")
        form = {
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            **{"name": "cycle", "strategy": "ordered", "cache_ttl": "0", "on_content_filter": "answer"},
            **{"targets-TOTAL_FORMS": "1", "targets-INITIAL_FORMS": "0", "enabled": "on"},
            **{"targets-0-model": str(not_a_model), "targets-0-position": "0", "targets-0-weight": "1"},
        }
        answer = browser.post(str(page.url), data=form, headers={"referer": str(page.url)})

    assert "Select a valid choice" in answer.text
    assert house.sql("SELECT id FROM catalog_route WHERE name = 'cycle'") == []


@STREAMED
def test_f5_each_target_is_tried_once(house: House, stream: bool) -> None:
    house.vendors.behave({"status": 500})

    answer = house.chat("chain", "hello", stream=stream)

    assert answer.status_code == 502
    assert sites_asked(house) == ["one", "two", "three"]


@pytest.mark.parametrize("kind", ["anthropic", "gemini"])
def test_f5_malformed_arguments_of_a_tool_call_reach_nobody_and_no_breaker(house: House, kind: str) -> None:
    """A deterministic error from before the network is the caller's, and final."""
    call = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, '}}
    messages = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "5"},
    ]
    body = json.dumps({"model": f"first-{kind}/m", "messages": messages}).encode()

    answers = [house.post(body) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [400] * 5
    assert house.vendors.calls() == []
    assert house.chat(f"first-{kind}/m", "hello").status_code == 200


# F10-F12: whom a fallback reaches.


@STREAMED
@pytest.mark.parametrize(
    "knobs", [{"drop": True}, {"cut_after": 0}, {"latency": 30}], ids=lambda k: next(iter(k))
)
def test_f10_a_first_link_that_fails_mid_handshake_gives_way_to_the_second(
    house: House, knobs: Row, stream: bool
) -> None:
    """Not the third, and never by another name than the one that was asked for."""
    house.vendors.behave(site("one", **knobs))

    request_id = answered(house, "chain", stream=stream)

    assert sites_asked(house, request_id) == ["one", "two"]
    assert {row["route"] for row in house.entries(request_id)} == {"chain"}


@STREAMED
def test_f11_a_key_for_one_model_never_reaches_another(house: House, stream: bool) -> None:
    """A route is the unit of permission: neither a route with that model in it nor its failure opens one."""
    key = house.new_key(models=("one/m",))
    house.vendors.behave(site("one", status=500))

    failed = house.chat("one/m", "hello", key=key, stream=stream)
    refusals = [house.chat(name, "hello", key=key, stream=stream) for name in ("two/m", "chain")]

    assert failed.status_code == 502
    for refusal in refusals:
        assert refusal.status_code == 403
        assert refusal.json()["error"]["code"] == "model_not_allowed"
        assert "may not call" in refusal.json()["error"]["message"]
    assert set(sites_asked(house)) == {"one"}


@STREAMED
def test_f11_a_key_for_a_route_may_use_its_targets_through_it_alone(house: House, stream: bool) -> None:
    key = house.new_key(models=("chain",))
    house.vendors.behave(site("one", status=500))

    answered(house, "chain", stream=stream, key=key)

    assert sites_asked(house) == ["one", "two"]
    assert house.chat("two/m", "hello", key=key).status_code == 403


@STREAMED
def test_f11_the_budget_must_have_room_at_the_next_targets_price(house: House, stream: bool) -> None:
    """0.05 USD covers 1000 tokens at 2.00 per million; at 2000.00 it does not, so nothing is sent."""
    key = house.new_key(team="thrifty")
    house.vendors.behave(site("one", status=500))

    answer = house.chat("cheap-or-dear", "hello", key=key, stream=stream, max_tokens=1000)

    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "budget_exceeded"
    assert sites_asked(house) == ["one"]


@STREAMED
@EACH_SURFACE
@EACH_KIND
def test_f12_a_fallback_speaks_the_next_vendors_own_wire(
    house: House, kind: str, surface: Surface, stream: bool
) -> None:
    paths = {
        "openai": ("/v1/chat/completions", "/v1/responses"),
        "openai_compatible": ("/v1/chat/completions",),
        "anthropic": ("/v1/messages",),
        "gemini": ("/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent"),
    }
    house.vendors.behave(site(f"first-{kind}", status=500))

    body = surface.body(f"{kind}-then", "hello")
    if stream:
        answer = streamed(house, surface, body)
        assert (answer.status, surface.text_in(answer)) == (200, TEXT)
    else:
        whole = house.http.post(surface.path, json=body, headers=house.headers())
        assert (whole.status_code, surface.text_of(whole.json())) == (200, TEXT)

    first, second = house.vendors.calls()
    assert first["path"] in paths[kind]
    assert second["path"] in paths[ORDER[kind]]


def test_f12_a_target_that_lacks_what_is_demanded_is_skipped(house: House) -> None:
    """Several choices at once are no feature of Anthropic's; the next target has it."""
    house.vendors.behave(site("first-openai", status=500))

    answer = house.chat("openai-then", "hello", n=2)

    assert answer.status_code == 502
    assert sites_asked(house) == ["first-openai"]


def test_f12_when_every_target_lacks_it_the_reason_is_told(house: House) -> None:
    answer = house.chat("first-anthropic/m", "hello", n=2)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "n"
    assert "anthropic" in answer.json()["error"]["message"].lower()
    assert house.vendors.calls() == []
