"""Checks K4, K7, K9 and K15 for Gemini: its finish, its schemas, its signatures, its media."""

import base64
import copy
import json
from typing import Any

import anthropic
import openai
import pytest
from google.genai import types

from proxy.adapters.base import UnsupportedField
from proxy.adapters.gemini.adapter import GeminiAdapter
from proxy.sandbox import gemini_requests
from proxy.sandbox.signatures import signed
from tests.checks.tool_schemas import ACCEPTED, REFUSED
from tests.live.house import House
from tests.proxy.adapters.drive import USER, call, target
from tests.proxy.adapters.gemini_words import called, calls_in, candidate, message_of, of, reply, stream

THREE = "gemini-3-flash"
CONFIGURATION = f"""
[[models]]
provider = "gemini"
name = "{THREE}"
max_output_tokens = 65536
"""
OFFERED = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in "fg"
]


def sent(*messages: dict[str, Any], model: str = THREE, **body: Any) -> dict[str, Any]:
    """The body for Gemini, which the sandbox has read as strictly as the vendor would."""
    request = GeminiAdapter().request_for(
        call(messages=list(messages), **body), target("gemini", model=model)
    )
    decoded: dict[str, Any] = json.loads(request.body)
    gemini_requests.read(model, decoded, stream=False)
    return decoded


class TestFinish:
    @pytest.mark.parametrize("signature", ["", "c2ln"])
    def test_k4_a_call_and_its_stop_in_two_chunks_are_one_finish(self, signature: str) -> None:
        found = stream(reply(called("f", signature, args={"a": 1}), finish=None), reply({"text": ""}))

        assert found.finish_reasons == ["tool_calls"]
        assert [made["function"] for made in calls_in(found)] == [{"name": "f", "arguments": '{"a":1}'}]

    def test_k4_a_stop_with_the_call_and_another_one_after_it(self) -> None:
        found = stream(reply(called("f"), finish="STOP"), reply({"text": ""}))

        assert found.finish_reasons == ["tool_calls"]

    @pytest.mark.parametrize(
        ("finish", "parts", "expected"),
        [
            ("STOP", [{"text": "a"}], "stop"),
            ("STOP", [called("f")], "tool_calls"),
            ("MAX_TOKENS", [{"text": "a"}], "length"),
            ("MAX_TOKENS", [called("f")], "length"),
            ("SAFETY", [], "content_filter"),
            ("RECITATION", [{"text": "a"}], "content_filter"),
            ("MALFORMED_FUNCTION_CALL", [], "stop"),
        ],
    )
    def test_k4_finish_reasons(self, finish: str, parts: list[dict[str, Any]], expected: str) -> None:
        assert stream(reply(*parts, finish=finish)).finish_reasons == [expected]


def offered(name: str, schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [*OFFERED, {"type": "function", "function": {"name": name, "parameters": schema}}]


class TestSchemas:
    @pytest.mark.parametrize("name", ACCEPTED)
    def test_k7_a_schema_goes_whole_and_is_not_changed(self, name: str) -> None:
        given = copy.deepcopy(ACCEPTED[name])

        body = sent(*USER, tools=offered(name, given))

        declared = body["tools"][0]["functionDeclarations"][-1]
        types.FunctionDeclaration.model_validate(declared)
        assert declared == {"name": name, "parametersJsonSchema": ACCEPTED[name]}
        assert given == ACCEPTED[name]

    @pytest.mark.parametrize("name", REFUSED)
    def test_k7_or_it_is_refused_with_the_tools_name(self, name: str) -> None:
        with pytest.raises(UnsupportedField) as refusal:
            sent(*USER, tools=offered(name, REFUSED[name]))

        assert (refusal.value.field, refusal.value.vendor) == ("tools[2]", "gemini")
        assert repr(name) in refusal.value.reason

    def test_k7_an_empty_schema_is_none(self) -> None:
        body = sent(*USER, tools=offered("nothing", {}))

        assert body["tools"][0]["functionDeclarations"][-1] == {"name": "nothing"}

    @pytest.mark.parametrize("name", ACCEPTED)
    def test_k7_an_answers_schema_goes_whole_too(self, name: str) -> None:
        wanted = {"type": "json_schema", "json_schema": {"name": name, "schema": ACCEPTED[name]}}

        body = sent(*USER, response_format=wanted)

        types.GenerationConfig.model_validate(body["generationConfig"])
        assert body["generationConfig"]["responseJsonSchema"] == ACCEPTED[name]


def kept(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a client keeps that knows OpenAI's fields alone, with the results of its tools."""
    shortened = [
        {
            "id": made["id"],
            "type": "function",
            "function": {"name": made["function"]["name"], "arguments": made["function"]["arguments"]},
        }
        for made in calls
    ]
    results = [{"role": "tool", "tool_call_id": made["id"], "content": "7"} for made in shortened]
    return [{"role": "assistant", "content": None, "tool_calls": shortened}, *results]


SIGNED = signed("call", "f", "r1")
ANSWERS = {
    "one call": [called("f", SIGNED)],
    "two calls, the first signed": [called("f", SIGNED), called("g")],
    "after a thought": [{"text": "hmm", "thought": True}, called("f", SIGNED), called("g")],
    "after text": [{"text": "Let me see."}, called("f", SIGNED)],
    "on a part of its own before": [{"text": "", "thoughtSignature": SIGNED}, called("f"), called("g")],
    "on a part of its own after": [called("f"), {"thoughtSignature": SIGNED}, called("g")],
    "with the vendor's own ids": [called("f", SIGNED, id="x8i00o1q"), called("g", id="y9")],
}


class TestSignatures:
    @pytest.mark.parametrize("streamed", [False, True])
    @pytest.mark.parametrize("parts", ANSWERS.values(), ids=ANSWERS)
    def test_k9_a_client_that_keeps_ids_alone_brings_the_signature_back_to_its_place(
        self, parts: list[dict[str, Any]], streamed: bool
    ) -> None:
        chunks = [*(of(candidate(part, finish=None)) for part in parts), reply({"text": ""})]
        calls = calls_in(stream(*chunks)) if streamed else message_of(reply(*parts))["tool_calls"]

        body = sent(*USER, *kept(calls))

        model_turn = body["contents"][1]["parts"]
        names = [part["functionCall"]["name"] for part in parts if "functionCall" in part]
        assert [part["functionCall"]["name"] for part in model_turn] == names
        assert [part.get("thoughtSignature") for part in model_turn] == [SIGNED, None][: len(names)]
        ids = [part["functionCall"]["id"] for part in model_turn]
        assert [part["functionResponse"]["id"] for part in body["contents"][2]["parts"]] == ids
        assert not any("__sig" in call_id for call_id in ids)

    def test_k9_calls_that_another_model_made_are_let_in(self) -> None:
        made = {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}

        body = sent(*USER, *kept([made]))

        assert body["contents"][1]["parts"][0]["thoughtSignature"] == "skip_thought_signature_validator"

    @pytest.mark.live
    @pytest.mark.parametrize("streamed", [False, True])
    @pytest.mark.parametrize("prompt", ["use tool f", "use tool f and use tool g"])
    def test_k9_openais_client_goes_through_a_tool_loop(
        self, house: House, prompt: str, streamed: bool
    ) -> None:
        """The sandbox refuses a Gemini 3 call that comes back without the signature it made."""
        messages: list[Any] = [{"role": "user", "content": prompt}]
        with house.sdk() as client:
            first = _answer(client, messages, streamed=streamed)
            assert first.finish_reason == "tool_calls"
            calls = [made.model_dump() for made in first.message.tool_calls or []]
            assert [made["function"]["name"] for made in calls] == [
                name for name in "fg" if f" {name}" in prompt
            ]
            last = _answer(client, messages + kept(calls), streamed=streamed)

        assert (last.finish_reason, "7" in (last.message.content or "")) == ("stop", True)

    @pytest.mark.live
    @pytest.mark.parametrize("streamed", [False, True])
    def test_k9_anthropics_client_goes_through_a_tool_loop(self, house: House, streamed: bool) -> None:
        messages: list[Any] = [{"role": "user", "content": "use tool f and use tool g"}]
        first = _message(house, messages, streamed=streamed)
        assert [block.name for block in first.content if block.type == "tool_use"] == ["f", "g"]
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": "7"}
            for block in first.content
            if block.type == "tool_use"
        ]
        messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
        last = _message(house, messages, streamed=streamed)

        assert (last.stop_reason, "7" in last.content[-1].text) == ("end_turn", True)

    @pytest.mark.live
    @pytest.mark.parametrize("streamed", [False, True])
    def test_k9_a_responses_client_goes_through_a_tool_loop(self, house: House, streamed: bool) -> None:
        given: list[Any] = [{"role": "user", "content": "use tool f and use tool g"}]
        with house.sdk() as client:
            first = _response(client, given, streamed=streamed)
            calls = [item for item in first.output if item.type == "function_call"]
            assert [item.name for item in calls] == ["f", "g"]
            results = [
                {"type": "function_call_output", "call_id": item.call_id, "output": "7"} for item in calls
            ]
            last = _response(client, [*given, *first.output, *results], streamed=streamed)

        assert (last.status, "7" in last.output_text) == ("completed", True)


def _answer(client: openai.OpenAI, messages: list[Any], *, streamed: bool) -> Any:
    asked: Any = {"model": THREE, "messages": messages, "tools": OFFERED}
    if not streamed:
        return client.chat.completions.create(**asked).choices[0]
    with client.chat.completions.stream(**asked) as events:
        return events.get_final_completion().choices[0]


def _message(house: House, messages: list[Any], *, streamed: bool) -> Any:
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in "fg"]
    asked: Any = {"model": THREE, "max_tokens": 4000, "messages": messages, "tools": tools}
    with anthropic.Anthropic(api_key=house.key, base_url=house.url, max_retries=0) as client:
        if not streamed:
            return client.messages.create(**asked)
        with client.messages.stream(**asked) as events:
            return events.get_final_message()


def _response(client: openai.OpenAI, given: list[Any], *, streamed: bool) -> Any:
    tools = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in "fg"]
    asked: Any = {"model": THREE, "input": given, "tools": tools}
    if not streamed:
        return client.responses.create(**asked)
    with client.responses.stream(**asked) as events:
        return events.get_final_response()


IMAGES = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/webp": b"RIFF\0\0\0\0WEBP",
}


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def data_url(kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(IMAGES[kind]).decode()}"


class TestImages:
    @pytest.mark.parametrize("kind", IMAGES)
    @pytest.mark.parametrize("model", ["gemini-2.5-flash", THREE])
    def test_k15_an_image_arrives_with_its_media_type(self, model: str, kind: str) -> None:
        asked = {"role": "user", "content": [image(data_url(kind))]}

        (part,) = sent(asked, model=model)["contents"][0]["parts"]

        assert part == {"inlineData": {"mimeType": kind, "data": base64.b64encode(IMAGES[kind]).decode()}}

    def test_k15_a_link_arrives(self) -> None:
        asked = {"role": "user", "content": [image("https://example.com/a.webp")]}

        (part,) = sent(asked)["contents"][0]["parts"]

        assert part == {"fileData": {"fileUri": "https://example.com/a.webp", "mimeType": "image/webp"}}

    @pytest.mark.parametrize("kind", IMAGES)
    @pytest.mark.parametrize("model", ["gemini-2.5-flash", THREE])
    def test_k15_an_image_in_a_tools_result_arrives(self, model: str, kind: str) -> None:
        made = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        calling, result = kept([made])
        result["content"] = [image(data_url(kind)), image("https://example.com/a.png")]

        body = sent(*USER, calling, result, model=model)

        response, *after = body["contents"][2]["parts"]
        shown = [*response["functionResponse"].get("parts", []), *after]
        assert [next(iter(part.values())).get("mimeType") for part in shown] == [kind, "image/png"]

    def test_k15_a_gif_is_refused_by_its_place_and_not_lost(self) -> None:
        with pytest.raises(UnsupportedField) as refusal:
            sent({"role": "user", "content": [image("data:image/gif;base64,R0lGODlh")]})

        assert refusal.value.field == "messages[0].content[0]"
