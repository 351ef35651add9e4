"""Bad input gets an OpenAI-shaped error with the right status, reaches no vendor, leaves nothing behind."""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.live.house import House, Row, until

pytestmark = pytest.mark.live

CONFIGURATION = """
[[teams]]
name = "narrow"
models = ["claude-haiku-4-5"]
"""
MODEL = "claude-haiku-4-5"
MESSAGES = [{"role": "user", "content": "hello"}]
GOOD = {"model": MODEL, "messages": MESSAGES}


def refused(
    house: House, answer: httpx2.Response, status: int, code: str | None, param: str | None = None
) -> None:
    """The whole promise of a refusal."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert {"message", "type", "param", "code"} <= error.keys()
    assert isinstance(error["message"], str)
    assert error["message"]
    assert error["type"]
    assert error["code"] == code
    assert error["param"] == param
    assert house.vendors.calls() == []
    assert house.open_holds() == 0
    assert house.entries(answer.headers["x-request-id"]) == []


BODIES: dict[str, tuple[bytes, str, str | None]] = {
    "empty": (b"", "invalid_json", None),
    "not JSON": (b"hello", "invalid_json", None),
    "JSON cut short": (b'{"model": "claude-haiku-4-5", "messages": [', "invalid_json", None),
    "two documents": (b"{} {}", "invalid_json", None),
    "an array": (b"[]", "invalid_json", None),
    "a number": (b"1", "invalid_json", None),
    "null": (b"null", "invalid_json", None),
    "NaN": (json.dumps(GOOD | {"temperature": float("nan")}).encode(), "invalid_json", None),
    "not UTF-8": (b'{"model": "\xff\xfe", "messages": []}', "invalid_json", None),
    "a raw NUL": (b'{"model": "claude-haiku-4-5\x00", "messages": []}', "invalid_json", None),
    "only NULs": (b"\x00" * 100, "invalid_json", None),
    "a lone surrogate": (
        b'{"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "\\ud800"}]}',
        "invalid_json",
        None,
    ),
    "100,000 brackets": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_json", None),
    "900 brackets around a NUL": (
        json.dumps(GOOD).encode()[:-1] + b', "a":' + b"[" * 900 + b'"\\u0000"' + b"]" * 900 + b"}",
        "invalid_value",
        None,
    ),
}
FIELDS: dict[str, tuple[Any, str | None]] = {
    "no model": ({"messages": MESSAGES}, "model"),
    "no messages": ({"model": MODEL}, "messages"),
    "no messages in the list": (GOOD | {"messages": []}, "messages"),
    "messages is text": (GOOD | {"messages": "hello"}, "messages"),
    "messages is null": (GOOD | {"messages": None}, "messages"),
    "a message is text": (GOOD | {"messages": ["hello"]}, "messages[0]"),
    "an unknown role": (GOOD | {"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
    "no role": (GOOD | {"messages": [{"content": "x"}]}, "messages[0].role"),
    "content is a number": (GOOD | {"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    "model is a number": (GOOD | {"model": 7}, "model"),
    "model is empty": (GOOD | {"model": ""}, "model"),
    "model is a kilobyte": (GOOD | {"model": "m" * 1024}, "model"),
    "max_tokens is text": (GOOD | {"max_tokens": "many"}, "max_tokens"),
    "max_tokens is 0": (GOOD | {"max_tokens": 0}, "max_tokens"),
    "max_tokens is negative": (GOOD | {"max_tokens": -1}, "max_tokens"),
    "max_tokens is a fraction": (GOOD | {"max_tokens": 1.5}, "max_tokens"),
    "max_tokens is 2**64": (GOOD | {"max_tokens": 2**64}, "max_tokens"),
    "max_tokens is true": (GOOD | {"max_tokens": True}, "max_tokens"),
    "temperature is text": (GOOD | {"temperature": "hot"}, "temperature"),
    "temperature is 3": (GOOD | {"temperature": 3}, "temperature"),
    "stream is text": (GOOD | {"stream": "yes"}, "stream"),
    "stream_options is text": (GOOD | {"stream_options": "usage"}, "stream_options"),
    "n is 0": (GOOD | {"n": 0}, "n"),
    "stop is a number": (GOOD | {"stop": 7}, "stop"),
    "an escaped NUL in a message": (GOOD | {"messages": [{"role": "user", "content": "a\x00b"}]}, None),
    "an escaped NUL in the model": (GOOD | {"model": "a\x00b"}, None),
    "an escaped NUL in a field's name": (GOOD | {"a\x00b": 1}, None),
}


class TestBody:
    @pytest.mark.parametrize("name", BODIES)
    def test_what_is_not_a_json_object(self, house: House, name: str) -> None:
        body, code, param = BODIES[name]
        refused(house, house.post(body), 400, code, param)

    @pytest.mark.parametrize("name", FIELDS)
    def test_a_wrong_field_is_named(self, house: House, name: str) -> None:
        body, param = FIELDS[name]
        refused(house, house.post(json.dumps(body).encode()), 400, "invalid_value", param)

    def test_30_megabytes(self, house: House) -> None:
        body = json.dumps(GOOD | {"messages": [{"role": "user", "content": "x" * 30_000_000}]}).encode()
        refused(house, house.post(body), 413, "request_too_large")

    def test_30_megabytes_in_chunks_without_a_length(self, house: House) -> None:
        def pieces() -> Iterator[bytes]:
            yield from [b"x" * 1_000_000] * 30

        refused(
            house,
            house.http.post("/v1/chat/completions", content=pieces(), headers=house.headers()),
            413,
            "request_too_large",
        )

    def test_a_stream_is_refused_as_a_plain_call_is(self, house: House) -> None:
        refused(
            house, house.post(json.dumps(GOOD | {"stream": True, "n": 0}).encode()), 400, "invalid_value", "n"
        )


class TestModel:
    @pytest.mark.parametrize(
        "name", ["gpt-99", "openai/nothing", "'; DROP TABLE catalog_team; --", "../admin"]
    )
    def test_unknown(self, house: House, name: str) -> None:
        refused(house, house.chat(name), 404, "model_not_found", "model")

    def test_not_allowed_to_the_team(self, house: House) -> None:
        key = house.new_key(team="narrow")
        assert house.chat(MODEL, key=key).status_code == 200
        house.vendors.reset()
        refused(house, house.chat("gpt-4o", key=key), 403, "model_not_allowed", "model")
        # another name of the same model is another name: the team was given one
        refused(house, house.chat("openai/gpt-4o", key=key), 403, "model_not_allowed", "model")

    def test_not_allowed_to_the_key(self, house: House) -> None:
        key = house.new_key(models=(MODEL,))
        assert house.chat(MODEL, key=key).status_code == 200
        house.vendors.reset()
        refused(house, house.chat("gpt-4o", key=key), 403, "model_not_allowed", "model")

    def test_only_what_may_be_called_is_listed(self, house: House) -> None:
        key = house.new_key(models=(MODEL,))
        listed = house.http.get("/v1/models", headers=house.headers(key)).json()["data"]
        assert [model["id"] for model in listed] == [MODEL]

    @pytest.mark.parametrize("model", ["claude-haiku-4-5", "gemini-2.5-flash"])
    def test_a_field_that_the_vendor_cannot_honour(self, house: House, model: str) -> None:
        for stream in (False, True):
            answer = house.chat(model, logit_bias={"50256": -100}, stream=stream)
            refused(house, answer, 400, "unsupported_parameter", "logit_bias")


KEYS: dict[str, tuple[dict[str, str], str]] = {
    "none": ({}, "missing_api_key"),
    "an empty one": ({"authorization": "Bearer"}, "missing_api_key"),
    "another scheme": ({"authorization": "Basic dG9udG86dG90bw=="}, "missing_api_key"),
    "a vendor's": ({"authorization": "Bearer sk-proj-0123456789"}, "invalid_api_key"),
    "of the right shape": ({"authorization": f"Bearer tg_{'a' * 8}_{'b' * 40}"}, "invalid_api_key"),
    "with SQL in it": ({"authorization": "Bearer tg_' OR '1'='1"}, "invalid_api_key"),
    "with SQL in its shape": ({"authorization": f"Bearer tg_a' OR 1=_{'b' * 40}"}, "invalid_api_key"),
    "in x-api-key": ({"x-api-key": f"tg_{'a' * 8}_{'b' * 40}"}, "invalid_api_key"),
    "Latin-1": ({"authorization": "Bearer tg_äöü"}, "invalid_api_key"),
    "50 kB": ({"authorization": "Bearer tg_" + "a" * 50_000}, "invalid_api_key"),
}


class TestKey:
    @pytest.mark.parametrize("name", KEYS)
    def test_wrong(self, house: House, name: str) -> None:
        headers, code = KEYS[name]
        given = {field: value.encode("latin-1") for field, value in headers.items()}
        answer = house.http.post("/v1/chat/completions", content=house.body(MODEL), headers=given)
        refused(house, answer, 401, code)

    @pytest.mark.parametrize("position", [3, 11, 12, 51])
    def test_one_character_off(self, house: House, position: int) -> None:
        other = "A" if house.key[position] != "A" else "B"
        wrong = house.key[:position] + other + house.key[position + 1 :]
        refused(house, house.chat(MODEL, key=wrong), 401, "invalid_api_key")

    def test_a_megabyte_costs_the_gateway_nothing(self, house: House) -> None:
        """Refused by the HTTP parser or by us; the worker goes on in either case."""
        with socket.create_connection(("127.0.0.1", house.port), timeout=10) as raw:
            head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer tg_"
            sent = raw_send(raw, head + b"a" * 1_000_000 + b"\r\nContent-Length: 2\r\n\r\n{}")
            first_line = raw_read(raw).partition(b"\r\n")[0] if sent else b""
        assert first_line.split(b" ")[1:2] in ([b"401"], [b"400"], [b"431"], [])
        assert house.vendors.calls() == []
        assert house.chat(MODEL).status_code == 200

    def test_works_in_either_header(self, house: House) -> None:
        body = house.body(MODEL)
        for headers in ({"x-api-key": house.key}, {"authorization": f"bearer {house.key}"}):
            assert house.http.post("/v1/chat/completions", content=body, headers=headers).status_code == 200

    def test_expired(self, house: House) -> None:
        key = house.new_key(name="short")
        assert house.chat(MODEL, key=key).status_code == 200
        house.vendors.reset()
        house.sql("UPDATE catalog_apikey SET expires_at = now() + interval '1 second' WHERE name = 'short'")
        until(lambda: house.chat(MODEL, key=key).status_code == 401, seconds=3, what="the key expires")
        house.vendors.reset()
        entries = "SELECT count(*) AS n FROM metering_costentry"
        before = house.sql(entries)
        refused(house, house.chat(MODEL, key=key), 401, "expired_api_key")
        assert house.sql(entries) == before

    def test_revoked_works_until_then_and_not_a_second_longer(self, house: House) -> None:
        key = house.new_key(name="lost")
        pids = house.worker_pids()
        with house.worker(pids[0]) as one, house.worker(pids[1]) as other:
            assert [worker.chat(MODEL, key=key)[0] for worker in (one, other)] == [200, 200]
            house.vendors.reset()
            house.sql("UPDATE catalog_apikey SET revoked_at = now() WHERE name = 'lost'")
            revoked = time.monotonic()
            for worker in (one, other):
                until(
                    lambda w=worker: w.ask("/v1/models", key=key)[0] == 401,
                    seconds=1,
                    what="refused",
                    every=0.02,
                )
            assert time.monotonic() - revoked < 1
            for worker in (one, other):
                status, body, _ = worker.chat(MODEL, key=key)
                assert (status, body["error"]["code"]) == (401, "invalid_api_key")
        assert house.vendors.calls() == []


class TestPath:
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
    def test_wrong_method(self, house: House, method: str) -> None:
        answer = house.http.request(method, "/v1/chat/completions", headers=house.headers())
        refused(house, answer, 405, "method_not_allowed")

    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize(
        "path", ["/v1/nothing", "/v1/chat/completions/", "/v1/", "/v1/chat//completions"]
    )
    def test_unknown(self, house: House, method: str, path: str) -> None:
        refused(house, house.http.request(method, path, headers=house.headers()), 404, "not_found")

    def test_without_a_key_nothing_is_said_about_paths(self, house: House) -> None:
        refused(house, house.http.get("/v1/nothing"), 401, "missing_api_key")


class TestHeaders:
    def test_tags_of_another_shape(self, house: House) -> None:
        answer = house.chat(MODEL, headers={"x-tallygate-tags": "nonsense"})
        refused(house, answer, 400, "invalid_tags")

    def test_a_request_id_of_the_caller_is_kept_and_never_trusted(self, house: House) -> None:
        theirs = "1; DROP TABLE metering_costentry"
        first, second = (house.chat(MODEL, headers={"x-request-id": theirs}) for _ in range(2))
        assert first.headers["x-request-id"] != second.headers["x-request-id"]
        for answer in (first, second):
            assert house.entry(answer.headers["x-request-id"])["client_request_id"] == theirs


REDIRECTS = ("api_base", "base_url", "custom_host")


class TestRedirection:
    """A caller cannot send the gateway's own credential elsewhere (litellm#37053)."""

    @pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
    @pytest.mark.parametrize("model", ["gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash", "llama"])
    def test_no_field_of_the_body_moves_the_call(self, house: House, model: str, stream: bool) -> None:
        with socket.create_server(("127.0.0.1", 0)) as thief:
            thief.settimeout(0)
            url = f"http://127.0.0.1:{thief.getsockname()[1]}"
            fields: Row = dict.fromkeys(REDIRECTS, url)
            fields |= {
                "api_key": "stolen",
                "extra_headers": {"host": url},
                "extra_body": {"model": "dearest"},
            }
            answer = house.chat(model, stream=stream, **fields)
            with pytest.raises(BlockingIOError):
                thief.accept()
        assert answer.status_code == 200, answer.text
        [call] = house.vendors.calls()
        assert (call["model"], call["outcome"]) == (model, "complete")

    def test_the_vendor_gets_our_credential_and_not_the_callers(self, house: House) -> None:
        house.vendors.behave({"match": {"api_key": "sk-openai-of-the-gateway"}, "text": "yours"})
        answer = house.chat("gpt-4o", api_key="stolen", headers={"x-api-key": "also stolen"})
        assert answer.json()["choices"][0]["message"]["content"] == "yours"


def raw_send(connection: socket.socket, data: bytes) -> bool:
    """False when the other side closed meanwhile."""
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


def raw_read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except OSError:
        return b""
