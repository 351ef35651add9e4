"""Plain answers of OpenAI and of vendors that speak its wire."""

import json
from typing import Any

import pytest

from metering.usage import Usage
from proxy.adapters.base import Answer, ErrorClass, VendorError
from proxy.adapters.registry import adapter_for
from tests.proxy.adapters.drive import call, target


def answered(body: Any, *, kind: str = "openai") -> Answer:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return adapter_for(kind).response_from(encoded, {"X-Request-Id": "req_9"}, call(), target(kind))


def completion(message: dict[str, Any] | None = None, finish: str = "stop", **more: Any) -> dict[str, Any]:
    choice = {
        "index": 0,
        "message": message or {"role": "assistant", "content": "Hi"},
        "finish_reason": finish,
    }
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    return {"id": "chatcmpl-1", "model": "m-2026", "choices": [choice], "usage": usage, **more}


def test_the_body_goes_back_as_the_very_bytes_that_came() -> None:
    body = b'{ "choices" : [{"message":{"content":"a"}, "finish_reason":"stop"}], "odd": 1.50 }\n'
    assert answered(body).body is body


def test_what_the_ledger_needs_is_read() -> None:
    answer = answered(completion(service_tier="priority"))
    assert (answer.text, answer.finish_reason, answer.model, answer.upstream_id) == (
        "Hi",
        "stop",
        "m-2026",
        "chatcmpl-1",
    )
    assert (answer.usage, answer.variant, answer.flags) == (Usage(input=9, output=1), "priority", ())
    assert answer.raw_usage == {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}


def test_an_answer_without_usage_has_none() -> None:
    answer = answered(completion(usage=None))
    assert (answer.usage, answer.raw_usage) == (None, None)


def test_the_request_id_header_stands_in_for_a_missing_id() -> None:
    assert answered(completion(id=None)).upstream_id == "req_9"


def test_a_tool_call_has_no_text() -> None:
    assert answered(completion({"content": None, "tool_calls": [{}]}, "tool_calls")).text == ""


def test_an_unknown_tier_is_flagged() -> None:
    assert answered(completion(service_tier="provisioned")).flags == ("unknown_service_tier",)


def test_citations_are_one_search_on_openai_itself() -> None:
    cited = completion({"content": "a", "annotations": [{"type": "url_citation"}]})
    assert answered(cited).usage == Usage(input=9, output=1, requests=1)
    assert answered(cited, kind="openai_compatible").usage == Usage(input=9, output=1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>hello</html>",
        b"{",
        b"[]",
        b"4",
        b'"text"',
        b"{}",
        {"choices": []},
        {"choices": None},
        {"choices": 5},
    ],
)
def test_an_answer_that_cannot_be_read_is_the_vendors_failure(body: Any) -> None:
    with pytest.raises(VendorError) as failure:
        answered(body)
    assert (failure.value.error_class, failure.value.sent) == (ErrorClass.PROVIDER, True)


@pytest.mark.parametrize(
    ("error", "error_class"),
    [
        ({"code": 429, "message": "Provider returned error"}, ErrorClass.RATE_LIMITED),
        ({"code": 502, "message": "Bad gateway"}, ErrorClass.PROVIDER),
        ({"code": "content_filter", "status": 400, "message": "filtered"}, ErrorClass.CALLER),
        ("something", ErrorClass.PROVIDER),
    ],
)
def test_an_error_inside_a_200_is_raised_for_what_it_is(error: Any, error_class: ErrorClass) -> None:
    with pytest.raises(VendorError) as failure:
        answered({"error": error, "user_id": "u"})
    assert failure.value.error_class is error_class
