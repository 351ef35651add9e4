"""Section B over sockets, two workers: what callers of a team without budget meet. Each test is named after
its check."""

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from catalog import vault
from proxy.urls import CALLS
from tests.live import surfaces
from tests.live.house import House, Row, until
from tests.live.surfaces import CHAT, MESSAGES, RESPONSES, Surface
from tests.live.test_budgets import all_at_once
from tests.metering.budgets.receiver import Receiver, receiving

pytestmark = pytest.mark.live

# A token of ``dime`` costs 0.10 USD, of ``three-cents`` 0.03, and the input nothing: what is held for one
# token is what it costs. ``slow`` gives its vendor half a second.
CONFIGURATION = """
[[providers]]
name = "local"
kind = "openai_compatible"
base_url = "SANDBOX/v1"
[providers.policy]
breaker_failures = 1000
breaker_min_calls = 10000
max_attempts = 1

[[providers]]
name = "impatient"
kind = "openai_compatible"
base_url = "SANDBOX/v1"
api_key = "impatient-of-the-gateway"
policy = { first_byte_timeout = 0.5, max_attempts = 1, breaker_failures = 1000, breaker_min_calls = 10000 }
[[models]]
provider = "impatient"
name = "slow"
max_output_tokens = 4096
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0.05"
output = "0.08"

[[providers]]
name = "nobody-there"
kind = "openai_compatible"
base_url = "http://127.0.0.1:9/v1"
[[models]]
provider = "nobody-there"
name = "unreachable"
max_output_tokens = 4096
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0.05"
output = "0.08"

[[models]]
provider = "local"
name = "dime"
max_output_tokens = 4096
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0"
output = "100000"

[[models]]
provider = "local"
name = "three-cents"
max_output_tokens = 4096
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "0"
output = "30000"
"""
TEAMS = {
    "dime-and-no-more": "0.10",
    "every-end": "1000",
    "changing": "0.10",
    "rotating": "0.10",
    "rotated": "1000",
    "nothing": "0",
    "enough": "1000",
    "secretive": "0.10",
    "careful": "50",
    "told": "1.0",
} | {
    f"thrifty-{surface}-{stream}": "100" for surface in ("chat", "responses") for stream in ("true", "false")
}
CONFIGURATION += "".join(
    f'\n[[teams]]\nname = "{team}"\nmodels = ["*"]\n[[teams.limits]]\namount = "{amount}"\n'
    for team, amount in TEAMS.items()
)
CONFIGURATION += "".join(
    f'\n[[teams]]\nname = "{scope}-{kind}"\nmodels = ["*"]\n'
    for scope in ("team", "key", "model", "tag")
    for kind in ("full", "nothing")
)
CONFIGURATION += '\n[[teams]]\nname = "soft"\nmodels = ["*"]\n[[teams.limits]]\namount = "1"\nmode = "soft"\n'
# Webhooks of these houses lead to the test's own receiver.
ENVIRONMENT = {"WEBHOOK_NETWORKS": "127.0.0.1/32", "PUBLIC_URL": "https://llm.example"}
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


def limited(house: House, team: str, amount: str, **scope: Any) -> None:
    """A monthly budget, written as the admin writes it; workers hear of it by its trigger."""
    columns = {"api_key_id": None, "model_id": None, "tag_name": "", "tag_value": ""} | scope
    house.sql(
        "INSERT INTO metering_limit (amount, unit, period, mode, enabled, created_at, team_id,"
        f" {', '.join(columns)}) SELECT %s, 'usd', 'month', 'hard', true, now(), id, %s, %s, %s, %s"
        " FROM catalog_team WHERE name = %s",
        *(amount, *columns.values(), team),
    )


def known_so_far(house: House) -> None:
    """Every worker knows what was written until now: it knows a key that was made afterwards."""
    house.new_key(team="search")


def on_every_worker(house: House, key: str, expected: int, **fields: Any) -> None:
    """Each worker answers so within a second."""
    for pid in house.worker_pids():
        with house.worker(pid) as worker:
            until(
                lambda w=worker: w.chat("dime", key=key, max_tokens=1, **fields)[0] == expected,
                seconds=1.5,
                what=f"a worker answers {expected}",
            )


def test_b1_fifty_calls_at_once_with_room_for_three(house: House) -> None:
    """Also tests/live/test_budgets.py, whose sampler looks at every moment in between; and, with a thousand
    calls of four processes, tests/metering/test_budget_concurrency.py."""
    key = house.new_key(team="dime-and-no-more")
    house.vendors.behave({"latency": 0.3, "output_tokens": 1})

    answers = asyncio.run(all_at_once(house, key, house.body("three-cents", max_tokens=1), 50))

    assert Counter(answer.status_code for answer in answers) == {200: 3, 429: 47}
    assert len(house.vendors.calls()) == 3
    window = house.budget("dime-and-no-more")
    assert (window["spent"], window["held"]) == (Decimal("0.09"), 0)


# What vendors do to whom. A worker that is killed: tests/live/test_crash, tests/metering/test_sweeper. More
# ends of calls, and what their callers are told: tests/checks/test_h_limits.
ENDS: dict[str, tuple[Row, dict[str, Any]]] = {
    "200": ({}, {}),
    "a stream": ({}, {"stream": True}),
    "the vendor's 400": ({"status": 400}, {}),
    "the vendor's 500": ({"status": 500}, {}),
    "connect refused": ({}, {"model": "unreachable"}),
    "a timeout": ({"latency": 5.0}, {"model": "slow"}),
    "a connection closed": ({"drop": True}, {}),
    "a stream that is cut": ({"cut_after": 2, "chunks": 8}, {"stream": True}),
    "a field of the wrong type": ({}, {"max_tokens": "many"}),
}
GOOD = {"200", "a stream", "a stream that is cut"}  # it began well
AGREES = """
SELECT w.held, w.spent,
    coalesce((SELECT sum(e.cost) FROM metering_costentry e WHERE e.team_id = l.team_id), 0) AS booked
FROM metering_limitwindow w JOIN metering_limit l ON l.id = w.limit_id JOIN catalog_team t ON t.id = l.team_id
WHERE t.name = 'every-end'
"""


@pytest.mark.parametrize("end", ENDS)
def test_b2_no_end_of_a_call_leaves_something_held(house: House, end: str) -> None:
    rule, fields = ENDS[end]
    key = house.new_key(team="every-end")
    house.vendors.behave(rule)

    answer = house.post(house.body(**({"model": "llama"} | fields)), key=key)

    assert (answer.status_code == 200) == (end in GOOD), answer.text
    for window in house.sql(AGREES):
        assert (window["held"], window["spent"]) == (0, window["booked"])


@STREAMED
def test_b2_a_caller_who_leaves_leaves_nothing_held(house: House, stream: bool) -> None:
    key = house.new_key(team="every-end")
    house.vendors.behave({"latency": 0.4, "chunks": 10, "chunk_delay": 0.02})
    with pytest.raises(httpx2.TimeoutException):
        house.http.post(
            "/v1/chat/completions",
            content=house.body("llama", stream=stream),
            headers=house.headers(key),
            timeout=0.2,
        )

    until(lambda: not house.open_holds(), seconds=10, what="no open hold")
    [window] = house.sql(AGREES)
    assert (window["held"], window["spent"]) == (0, window["booked"])


def test_b4_a_hold_that_cannot_be_written_stops_the_call(house: House) -> None:
    """Closed for everybody: there is no team that may spend without a hold (docs/decisions/0031)."""
    key = house.new_key(team="enough")
    house.chat("llama", key=key)
    house.vendors.reset()
    refuse = (
        "CREATE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not allowed'"
        " USING ERRCODE = 'insufficient_privilege'; END $$;"
        "CREATE TRIGGER refused BEFORE UPDATE ON metering_limitwindow FOR EACH ROW EXECUTE FUNCTION refused()"
    )
    house.sql(refuse)
    try:
        answer = house.chat("llama", key=key)
    finally:
        house.sql("DROP TRIGGER refused ON metering_limitwindow; DROP FUNCTION refused()")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "ledger_unavailable")
    assert house.vendors.calls() == []
    assert house.chat("llama", key=key).status_code == 200


# The columns of a limit on each scope, and what a caller is told of it.
SCOPES: dict[str, Callable[[House, str], dict[str, Any]]] = {
    "team": lambda house, team: {},
    "key": lambda house, team: {"api_key_id": house.sql("SELECT max(id) AS id FROM catalog_apikey")[0]["id"]},
    "model": lambda house, team: {
        "model_id": house.sql("SELECT id FROM catalog_languagemodel WHERE name = 'dime'")[0]["id"]
    },
    "tag": lambda house, team: {"tag_name": "feature", "tag_value": "search"},
}
AMOUNTS = {"amount", "spent", "held", "exposed", "asked", "left"}
NAMED = {"team": "team-full", "key": "ci", "model": "local/dime", "tag": "feature=search"}
TAGGED = {"x-tallygate-tags": "feature=search"}


@pytest.mark.parametrize("scope", SCOPES)
def test_b5_b6_each_scope_alone_blocks_and_is_named(house: House, scope: str) -> None:
    """Spent exactly equal to the amount: the next call is refused, whatever the scope."""
    team = f"{scope}-full"
    key = house.new_key(team=team, name="ci")
    limited(house, team, "0.10", **SCOPES[scope](house, team))
    known_so_far(house)

    def call() -> httpx2.Response:
        return house.chat("dime", key=key, max_tokens=1, headers=TAGGED)

    first, second = call(), call()

    assert (first.status_code, second.status_code) == (200, 429)
    error = second.json()["error"]
    facts = (
        "code",
        "team",
        "scope",
        "scope_name",
        "unit",
        "period",
        "amount",
        "spent",
        "held",
        "left",
        "asked",
    )
    assert {name: error[name] for name in facts} == {
        "code": "budget_exceeded",
        "team": team,
        "scope": scope,
        "scope_name": NAMED[scope],
        "unit": "usd",
        "period": "month",
        "amount": "0.1",
        "spent": "0.1",
        "held": "0",
        "left": "0",
        "asked": "0.1",
    }
    assert re.fullmatch(r"\d{4}-\d\d-01T00:00:00\+00:00", error["resets_at"])
    assert error["ask"] == f"https://llm.example/spend/budgets/{error['limit_id']}/"


@pytest.mark.parametrize("scope", SCOPES)
def test_b6_a_limit_of_nothing_refuses_the_first_call(house: House, scope: str) -> None:
    team = f"{scope}-nothing"
    key = house.new_key(team=team, name="ci")
    limited(house, team, "0", **SCOPES[scope](house, team))

    until(
        lambda: house.chat("dime", key=key, max_tokens=1, headers=TAGGED).status_code == 429,
        seconds=1.5,
        what="a refusal",
    )


def test_b6_without_a_limit_nothing_is_refused(house: House) -> None:
    assert house.chat("dime", max_tokens=1000).status_code == 200


def test_b7_a_limit_that_is_raised_lowered_or_removed_counts_on_every_worker_within_a_second(
    house: House,
) -> None:
    key = house.new_key(team="changing")
    of_team = "team_id = (SELECT id FROM catalog_team WHERE name = 'changing')"
    assert house.chat("dime", key=key, max_tokens=1).status_code == 200
    on_every_worker(house, key, 429)

    house.sql(f"UPDATE metering_limit SET amount = 1000 WHERE {of_team}")
    on_every_worker(house, key, 200)
    house.sql(f"UPDATE metering_limit SET amount = 0.2 WHERE {of_team}")
    on_every_worker(house, key, 429)
    house.sql(f"UPDATE metering_limit SET enabled = false WHERE {of_team}")
    on_every_worker(house, key, 200)


def test_b12_a_new_key_opens_no_fresh_budget(house: House) -> None:
    old = house.new_key(team="rotating", name="ci")
    assert [house.chat("dime", key=old, max_tokens=1).status_code for _ in range(2)] == [200, 429]
    house.sql("UPDATE catalog_apikey SET revoked_at = now() WHERE prefix = %s", old.rpartition("_")[0])

    new = house.new_key(team="rotating", name="ci")

    assert house.chat("dime", key=new, max_tokens=1).status_code == 429


def test_b12_a_new_secret_of_a_key_opens_no_fresh_budget_of_the_key(house: House) -> None:
    old = house.new_key(team="rotated", name="ci")
    limited(house, "rotated", "0.10", **SCOPES["key"](house, "rotated"))
    on_every_worker(house, old, 429)

    new = house.manage("rotate_key", "--team", "rotated", "--name", "ci").stdout.strip()

    until(lambda: house.chat("dime", key=old, max_tokens=1).status_code == 401, seconds=1.5, what="the end")
    assert house.chat("dime", key=new, max_tokens=1).status_code == 429


# A body for each path of the calls door that reaches a vendor and is paid for. Whoever adds a path adds its
# body, or says in the view why it is free (tests/proxy/test_urls.py).
BODIES: dict[str, Row] = {
    CHAT.path: CHAT.body("llama"),
    MESSAGES.path: MESSAGES.body("llama"),
    RESPONSES.path: RESPONSES.body("gpt-4o"),
    "/v1/embeddings": {"model": "llama", "input": "a word"},
}
METERED = [path for path, view in CALLS.items() if view.metering == "ledger"]


@pytest.mark.parametrize("path", METERED)
def test_b13_every_path_that_reaches_a_vendor_is_refused_and_booked(house: House, path: str) -> None:
    poor, rich = house.new_key(team="nothing"), house.new_key(team="enough")

    refused = house.http.post(path, json=BODIES[path], headers=house.headers(poor))
    asked = len(house.vendors.calls())
    answer = house.http.post(path, json=BODIES[path], headers=house.headers(rich))

    assert (refused.status_code, asked) == (429, 0)
    assert answer.status_code == 200, answer.text
    assert len(house.entries(answer.headers["x-request-id"])) == len(house.vendors.calls()) == 1


def test_b14_stock_sdks_ask_once_and_are_told_why(house: House) -> None:
    key = house.new_key(team="nothing")
    sent: list[str] = []
    hooks = {"request": [lambda request: sent.append(str(request.url.path))]}
    began = time.monotonic()

    with (
        openai.OpenAI(
            api_key=key, base_url=f"{house.url}/v1", http_client=openai.DefaultHttpxClient(event_hooks=hooks)
        ) as client,
        pytest.raises(openai.RateLimitError) as of_openai,
    ):
        client.chat.completions.create(model="llama", messages=[{"role": "user", "content": "hi"}])
    with (
        anthropic.Anthropic(
            api_key=key, base_url=house.url, http_client=anthropic.DefaultHttpxClient(event_hooks=hooks)
        ) as claude,
        pytest.raises(anthropic.RateLimitError) as of_anthropic,
    ):
        claude.messages.create(model="llama", max_tokens=5, messages=[{"role": "user", "content": "hi"}])

    assert sent == [CHAT.path, MESSAGES.path]
    assert house.vendors.calls() == []
    assert time.monotonic() - began < 3
    body: Any = of_openai.value.body
    assert (body["code"], body["scope"]) == ("budget_exceeded", "team")
    details: Any = of_anthropic.value.body
    assert details["error"]["details"]["error_code"] == "budget_exceeded"
    for error in (of_openai.value, of_anthropic.value):
        assert error.response.headers["x-should-retry"] == "false"
        assert "retry-after" not in error.response.headers
        assert "resets_at" in error.response.text


@pytest.mark.parametrize(
    ("surface", "asks"),
    [(CHAT, {"max_tokens": 77}), (MESSAGES, {"max_tokens": 77}), (RESPONSES, {"max_output_tokens": 77})],
    ids=["chat", "messages", "responses"],
)
def test_b15_a_team_may_hide_its_amounts_which_stay_in_the_log(
    house: House, surface: Surface, asks: Row
) -> None:
    key = house.new_key(team="secretive")
    house.sql(
        "INSERT INTO metering_teambudgets (team_id, contact, hide_amounts)"
        " SELECT id, '#finops', true FROM catalog_team WHERE name = 'secretive' ON CONFLICT DO NOTHING"
    )
    known_so_far(house)

    answer = house.http.post(surface.path, json=surface.body("dime") | asks, headers=house.headers(key))

    assert answer.status_code == 429
    error = surface.error_of(answer.json())
    assert AMOUNTS & set(error.get("details", error)) == set()
    assert re.findall(r"\d+\.\d+", error["message"]) == []
    assert "Ask #finops for more: https://llm.example/spend/budgets/" in error["message"]
    assert house.server is not None
    [line] = [line for line in house.server.output.splitlines() if answer.headers["x-request-id"] in line]
    assert "budget_refused" in line
    assert "amount=0.1" in line
    assert "asked=7.7" in line


def test_b17_a_model_without_a_price_is_named_with_the_page_that_mends_it(house: House) -> None:
    """A hard budget refuses it, a soft one lets it pass, of unknown cost and counted: the mode is the
    policy."""
    refused = house.chat("unpriced", key=house.new_key(team="careful"))
    passed = house.chat("unpriced", key=house.new_key(team="soft"))

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "model_unpriced")
    assert "The model local/unpriced has no price in force" in refused.json()["error"]["message"]
    assert "/admin/catalog/price/" in refused.json()["error"]["message"]
    assert passed.status_code == 200
    entry = house.entry(passed.headers["x-request-id"])
    assert (entry["cost"], entry["cost_reason"]) == (None, "unpriced")


@contextlib.contextmanager
def told_to(house: House, team: str) -> Iterator[Receiver]:
    """A receiver that this team's notices are posted to."""
    with receiving() as receiver:
        house.sql(
            "INSERT INTO metering_webhook (url, secret_encrypted, enabled, created_at, team_id)"
            " SELECT %s, %s, true, now(), id FROM catalog_team WHERE name = %s",
            *(receiver.url, vault.encrypt("whsec_x"), team),
        )
        try:
            yield receiver
        finally:
            house.sql("UPDATE metering_webhook SET enabled = false")


def test_b19_ten_tenths_are_one_and_b16_each_threshold_is_told_once(house: House) -> None:
    """B16 in full: tests/checks/test_b_budgets.py."""
    key = house.new_key(team="told")
    with told_to(house, "told") as receiver:
        answers = [house.chat("dime", key=key, max_tokens=1) for _ in range(11)]
        until(lambda: len(receiver.events) >= 3, seconds=10, what="three notices")
        time.sleep(0.5)

    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    message = answers[-1].json()["error"]["message"]
    assert "it may cost 0.10 USD, and of 1.00 USD 1.00 are spent and 0.00 held by open calls" in message
    assert sorted(event["threshold"] for event in receiver.events) == [50, 80, 100]


@STREAMED
@pytest.mark.parametrize("surface", [CHAT, RESPONSES], ids=["chat", "responses"])
def test_the_ceiling_of_the_last_affordable_call_is_said_in_a_header(
    house: House, surface: Surface, stream: bool
) -> None:
    """Of a caller who named none: a hundred USD are a thousand tokens. (Who named one gets it or a refusal,
    see docs/decisions/0003; messages always name one.)"""
    headers = house.headers(house.new_key(team=f"thrifty-{surface.name}-{stream}".lower()))
    body = surface.body("dime")

    told = (
        surfaces.streamed(house, surface, body, headers=headers)
        if stream
        else house.http.post(surface.path, json=body, headers=headers)
    )

    assert told.headers["x-tallygate-max-tokens"] == "1000"


def test_a_call_that_is_not_cut_has_no_such_header(house: House) -> None:
    answer = house.chat("dime", key=house.new_key(team="enough"), max_tokens=5)

    assert "x-tallygate-max-tokens" not in answer.headers
