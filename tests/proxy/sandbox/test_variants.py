"""Several choices, log probabilities, service tiers and headers."""

from typing import Any

import httpx2
import openai
import pytest
from google.genai import types

from tests.proxy.sandbox import raw
from tests.proxy.sandbox.clients import VENDORS, Sdks

USER: Any = [{"role": "user", "content": "Name a river."}]
WORDS = ["The", " sandbox", " was", " asked:", " Name", " a", " river."]
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
every_vendor = pytest.mark.parametrize("vendor", VENDORS)


@both_ways
def test_openai_gives_several_choices_with_their_log_probabilities(sdks: Sdks, stream: bool) -> None:
    asked: Any = {"model": "gpt-4o", "messages": USER, "n": 2, "logprobs": True, "top_logprobs": 2}
    if stream:
        with sdks.openai.chat.completions.stream(**asked) as events:
            choices: Any = events.get_final_completion().choices
    else:
        choices = sdks.openai.chat.completions.create(**asked).choices

    assert [choice.index for choice in choices] == [0, 1]
    for choice in choices:
        tokens = choice.logprobs.content
        assert [token.token for token in tokens] == WORDS
        assert {(token.logprob, tuple(top.logprob for top in token.top_logprobs)) for token in tokens} == {
            (-0.25, (-0.25, -1.25))
        }
        assert bytes(tokens[1].bytes) == b" sandbox"


@both_ways
def test_responses_include_log_probabilities(sdks: Sdks, stream: bool) -> None:
    asked: Any = {"model": "gpt-4o", "input": USER, "include": ["message.output_text.logprobs"]}
    if stream:
        [*_, last] = sdks.openai.responses.create(stream=True, **asked)
        answer: Any = last.response
    else:
        answer = sdks.openai.responses.create(**asked)

    assert [token.token for token in answer.output[0].content[0].logprobs] == WORDS


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logprobs": True, "model": "o3"}, "logprobs"),
    ],
)
def test_openai_refuses_log_probabilities(sdks: Sdks, asked: dict[str, Any], param: str) -> None:
    given: Any = {"model": "gpt-4o", "messages": USER, **asked}
    with pytest.raises(openai.BadRequestError) as raised:
        sdks.openai.chat.completions.create(**given)

    assert raised.value.param == param


@both_ways
def test_gemini_gives_several_candidates_with_their_log_probabilities(sdks: Sdks, stream: bool) -> None:
    asked: Any = {
        "model": "gemini-2.5-flash",
        "contents": "Name a river.",
        "config": types.GenerateContentConfig(candidate_count=2, response_logprobs=True, logprobs=3),
    }
    answers = (
        list(sdks.gemini.models.generate_content_stream(**asked))
        if stream
        else [sdks.gemini.models.generate_content(**asked)]
    )
    tokens: list[list[str | None]] = [[], []]
    for answer in answers:
        for candidate in answer.candidates or []:
            if candidate.logprobs_result:
                chosen = candidate.logprobs_result.chosen_candidates or []
                tokens[candidate.index or 0] += [one.token for one in chosen]
                top = candidate.logprobs_result.top_candidates or []
                assert [len(one.candidates or []) for one in top] == [3] * len(chosen)

    assert tokens == [WORDS, WORDS]


@pytest.mark.parametrize(
    ("asked", "knobs", "served"),
    [
        ("auto", {}, "default"),
        ("flex", {}, "flex"),
        ("fast", {}, "priority"),
        ("priority", {"x-sandbox-service-tier": "default"}, "default"),
    ],
)
def test_openai_tells_the_tier_it_served(sdks: Sdks, asked: Any, knobs: dict[str, str], served: str) -> None:
    given: Any = {"model": "gpt-4o", "service_tier": asked, "extra_headers": knobs}
    chat = sdks.openai.chat.completions.create(messages=USER, **given)
    response = sdks.openai.responses.create(input=USER, **given)

    assert (chat.service_tier, response.service_tier) == (served, served)


@pytest.mark.parametrize(
    ("knobs", "served"), [({}, "standard"), ({"x-sandbox-service-tier": "priority"}, "priority")]
)
@both_ways
def test_anthropic_tells_the_tier_it_served(
    http: httpx2.Client, knobs: dict[str, str], served: str, stream: bool
) -> None:
    answer = raw.post(http, "anthropic", knobs, stream=stream)

    assert f'"service_tier":"{served}"' in answer.text


@pytest.mark.parametrize(
    ("asked", "knobs", "served"),
    [
        (None, {}, "standard"),
        ("UNSPECIFIED", {}, "standard"),
        ("FLEX", {}, "flex"),
        ("priority", {"x-sandbox-service-tier": "standard"}, "standard"),
    ],
)
def test_gemini_tells_the_tier_it_served(
    http: httpx2.Client, asked: str | None, knobs: dict[str, str], served: str
) -> None:
    path, headers, body = raw.request("gemini", stream=False)
    answer = http.post(path, headers=headers | knobs, json=body | {"serviceTier": asked})

    assert answer.json()["usageMetadata"]["serviceTier"] == served
    assert answer.headers["x-gemini-service-tier"] == served


@pytest.mark.parametrize(
    ("vendor", "status", "remaining"),
    [
        ("openai", "200", "9999"),
        ("openai", "429", "0"),
        ("anthropic", "200", "3999"),
        ("anthropic", "429", "0"),
    ],
)
def test_limits_are_told(http: httpx2.Client, vendor: str, status: str, remaining: str) -> None:
    knobs = {"x-sandbox-status": status} if status != "200" else {}
    headers = raw.post(http, vendor, knobs).headers

    name = {"openai": "x-ratelimit-remaining-requests", "anthropic": "anthropic-ratelimit-requests-remaining"}
    assert headers[name[vendor]] == remaining


def test_each_vendor_resets_its_limits_in_its_own_format(http: httpx2.Client) -> None:
    assert raw.post(http, "openai").headers["x-ratelimit-reset-requests"] == "6ms"
    reset = raw.post(http, "anthropic").headers["anthropic-ratelimit-tokens-reset"]
    assert (len(reset), reset[-1]) == (20, "Z")
    assert not [name for name in raw.post(http, "gemini").headers if "ratelimit" in name]


@pytest.mark.parametrize(("status", "retry"), [("400", "false"), ("429", "true"), ("529", "true")])
def test_anthropic_says_whether_to_retry(http: httpx2.Client, status: str, retry: str) -> None:
    assert raw.post(http, "anthropic", {"x-sandbox-status": status}).headers["x-should-retry"] == retry


@every_vendor
@both_ways
def test_headers_are_added_and_replaced(http: httpx2.Client, vendor: str, stream: bool) -> None:
    knobs = {"x-sandbox-headers": '{"x-request-id": "mine", "X-More": "1"}'}
    headers = raw.post(http, vendor, knobs, stream=stream).headers

    assert headers.get_list("x-request-id") == ["mine"]
    assert headers["x-more"] == "1"
