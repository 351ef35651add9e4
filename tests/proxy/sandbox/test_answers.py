"""What the vendors' own clients read from the sandbox."""

import json

import httpx2
import pytest
from google.genai import types

from proxy.sandbox.profiles import STORY
from tests.proxy.sandbox.clients import MODELS, VENDORS, Heard, Sdks

STOPPED = {"openai": "stop", "anthropic": "end_turn", "gemini": "STOP"}
FULL = {"openai": "length", "anthropic": "max_tokens", "gemini": "MAX_TOKENS"}

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
every_vendor = pytest.mark.parametrize("vendor", VENDORS)


@both_ways
@pytest.mark.parametrize(
    ("vendor", "model", "reasoning"),
    [
        ("openai", "gpt-4o", 0),
        ("openai", "deepseek-v4-pro", 0),
        ("anthropic", "claude-haiku-4-5", 0),
        ("anthropic", "claude-haiku-4-5-20251001", 0),
        ("gemini", "gemini-2.5-flash", 108),
        ("gemini", "gemini-2.5-flash-preview-09-2025", 108),
    ],
)
def test_the_story_costs_exactly_these_tokens(
    sdks: Sdks, vendor: str, model: str, reasoning: int, stream: bool
) -> None:
    heard = sdks.ask(vendor, STORY.prompt, model=model, stream=stream)

    assert heard == Heard("Paris.", STOPPED[vendor], 13, 4, reasoning, chunks=int(stream))


@both_ways
@every_vendor
def test_any_other_prompt_is_quoted_back(sdks: Sdks, vendor: str, stream: bool) -> None:
    heard = sdks.ask(vendor, "Name a river.", stream=stream)

    assert heard.text == "The sandbox was asked: Name a river."
    assert (heard.input, heard.output) == (4, 9)  # 13 and 36 bytes, four to a token


@both_ways
@pytest.mark.parametrize(
    ("vendor", "model"), [("openai", "gpt-5.6-luna"), ("openai", "o3"), ("anthropic", "claude-opus-5-5"),
                          ("gemini", "gemini-3-flash"), ("gemini", "gemini-2.5-pro")]
)  # fmt: skip
def test_thinking_models_spend_reasoning_tokens(sdks: Sdks, vendor: str, model: str, stream: bool) -> None:
    assert sdks.ask(vendor, STORY.prompt, model=model, stream=stream) == Heard(
        "Paris.", STOPPED[vendor], 13, 4, 128, chunks=int(stream)
    )


@both_ways
@every_vendor
def test_the_token_ceiling_cuts_the_answer(sdks: Sdks, vendor: str, stream: bool) -> None:
    model = {"gemini": "gemini-2.0-flash"}.get(vendor, MODELS[vendor])

    heard = sdks.ask(vendor, "Name a river.", model=model, max_tokens=5, stream=stream)

    assert (heard.text, heard.finish, heard.output) == ("The sandbox was aske", FULL[vendor], 5)


@both_ways
def test_thoughts_can_use_up_the_whole_ceiling(sdks: Sdks, stream: bool) -> None:
    heard = sdks.ask("gemini", STORY.prompt, max_tokens=50, stream=stream)

    assert heard == Heard("", "MAX_TOKENS", 13, 0, 50)


def test_gemini_leaves_out_the_candidates_count_when_only_thoughts_came(sdks: Sdks) -> None:
    answer = sdks.gemini.models.generate_content(
        model="gemini-2.5-flash",
        contents=STORY.prompt,
        config=types.GenerateContentConfig(max_output_tokens=50),
    )

    assert answer.usage_metadata is not None
    assert answer.usage_metadata.candidates_token_count is None
    assert answer.usage_metadata.total_token_count == 63


def test_a_stop_sequence_ends_the_answer(sdks: Sdks) -> None:
    answer = sdks.anthropic.messages.create(
        model="claude-haiku-4-5",
        max_tokens=100,
        stop_sequences=[" was "],
        messages=[{"role": "user", "content": "Name a river."}],
    )

    assert answer.content[0].to_dict()["text"] == "The sandbox"
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", " was ")


def test_n_answers_are_billed_n_times(sdks: Sdks) -> None:
    answer = sdks.openai.chat.completions.create(
        model="gpt-4o", n=3, messages=[{"role": "user", "content": STORY.prompt}]
    )

    assert [choice.message.content for choice in answer.choices] == ["Paris."] * 3
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12


def test_openai_streams_usage_only_when_asked(sdks: Sdks) -> None:
    with sdks.openai.chat.completions.create(
        model="gpt-4o", stream=True, messages=[{"role": "user", "content": STORY.prompt}]
    ) as events:
        assert [event.usage for event in events] == [None] * 3


def test_anthropic_streams_provisional_usage_first_and_pings(http: httpx2.Client) -> None:
    answer = http.post(
        "/v1/messages",
        headers={"x-api-key": "k", "anthropic-version": "2023-06-01"},
        json={
            "model": "claude-haiku-4-5",
            "max_tokens": 9,
            "stream": True,
            "messages": [{"role": "user", "content": STORY.prompt}],
        },
    )
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]

    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[0]["message"]["usage"]["output_tokens"] == 1
    assert events[-2]["usage"]["output_tokens"] == 4


def test_claude_thinks_when_asked_to(sdks: Sdks) -> None:
    answer = sdks.anthropic.messages.create(
        model="claude-haiku-4-5",
        max_tokens=2000,
        thinking={"type": "enabled", "budget_tokens": 1024},
        messages=[{"role": "user", "content": STORY.prompt}],
    )

    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert answer.usage.output_tokens == 132
    assert answer.usage.output_tokens_details is not None
    assert answer.usage.output_tokens_details.thinking_tokens == 128


def test_counting_tokens_agrees_with_the_bill(sdks: Sdks) -> None:
    claude = sdks.anthropic.messages.count_tokens(
        model="claude-haiku-4-5", messages=[{"role": "user", "content": STORY.prompt}]
    )
    gemini = sdks.gemini.models.count_tokens(model="gemini-2.5-flash", contents=STORY.prompt)

    assert (claude.input_tokens, gemini.total_tokens) == (13, 13)


def test_each_vendor_lists_its_own_models(sdks: Sdks) -> None:
    assert "gpt-4o" in [model.id for model in sdks.openai.models.list()]
    assert "claude-haiku-4-5" in [model.id for model in sdks.anthropic.models.list()]
    assert "models/gemini-2.5-flash" in [model.name for model in sdks.gemini.models.list()]
    assert sdks.openai.models.retrieve("gpt-4o").id == "gpt-4o"
    assert sdks.gemini.models.get(model="gemini-2.5-flash").input_token_limit == 1_048_576


def test_embeddings_are_unit_vectors_and_always_the_same(sdks: Sdks) -> None:
    first, second = (
        sdks.openai.embeddings.create(model="text-embedding-3-small", input=["one", "two"], dimensions=8)
        for _ in range(2)
    )
    vectors = [item.embedding for item in first.data]

    assert vectors == [item.embedding for item in second.data]
    assert [len(vector) for vector in vectors] == [8, 8]
    assert sum(value**2 for value in vectors[0]) == pytest.approx(1.0)
    assert (first.usage.prompt_tokens, first.usage.total_tokens) == (2, 2)


def test_gemini_streams_an_array_without_alt_sse(http: httpx2.Client) -> None:
    answer = http.post(
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
        headers={"x-goog-api-key": "k"},
        json={"contents": [{"parts": [{"text": STORY.prompt}]}]},
    )

    assert [chunk["usageMetadata"]["totalTokenCount"] for chunk in answer.json()] == [125, 125]


def test_gemini_accepts_both_spellings(http: httpx2.Client) -> None:
    answer = http.post(
        "/v1beta/models/gemini-2.5-flash:generateContent?key=k",
        json={
            "system_instruction": {"parts": [{"text": "Brief."}]},
            "contents": [{"role": "user", "parts": [{"text": STORY.prompt}]}],
            "generation_config": {"thinking_config": {"thinking_budget": 0}},
        },
    )

    assert answer.status_code == 200
    assert "thoughtsTokenCount" not in answer.json()["usageMetadata"]
    assert answer.json()["usageMetadata"]["promptTokenCount"] == 15
