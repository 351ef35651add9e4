"""Whatever is answered, whole and stream are alike; whatever is asked, it is read or refused by name."""

import contextlib
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.dialects.responses.dialect import RESPONSES
from proxy.interchange.conversation import Text, Thinking, ToolUse
from proxy.interchange.errors import InvalidField, UnsupportedField
from proxy.interchange.reply import Block, Choice, Cited, Refusal
from tests.proxy.dialects.responses.drive import conversation, final_of, timeless, told, whole

WORDS = st.text(max_size=12)
IDS = st.text("abcXYZ019_-", min_size=1, max_size=12)
ORIGINS = st.sampled_from(["", "anthropic", "gemini", "openai"])
NOTES = st.fixed_dictionaries(
    {
        "type": st.just("url_citation"),
        "url_citation": st.fixed_dictionaries(
            {"start_index": st.integers(0, 50), "end_index": st.integers(0, 50), "url": WORDS, "title": WORDS}
        ),
    }
)
THINKING = st.builds(Thinking, text=WORDS, signature=WORDS, origin=ORIGINS, id=IDS | st.just("")) | st.builds(
    Thinking, redacted=IDS, origin=st.just("anthropic")
)
ARGUMENTS = st.dictionaries(WORDS, st.integers() | WORDS, max_size=2).map(
    lambda held: msgspec.json.encode(held).decode()
)
CALLS = st.builds(ToolUse, id=IDS, name=IDS, arguments=ARGUMENTS, signature=WORDS)
BLOCKS = (
    st.builds(Text, text=WORDS, signature=st.just("") | IDS)
    | st.builds(Cited, text=WORDS, annotations=st.lists(NOTES, max_size=2).map(tuple))
    | st.builds(Refusal, text=WORDS)
    | THINKING
    | CALLS
)
FINISHES = st.sampled_from(["stop", "length", "tool_calls", "content_filter"])


@given(st.lists(BLOCKS, max_size=6), FINISHES)
@settings(max_examples=300, deadline=None)
def test_a_stream_ends_as_the_whole_answer(blocks: list[Block], finish: str) -> None:
    choice = Choice(blocks=tuple(blocks), finish=finish)

    assert timeless(final_of(told(choice))) == timeless(whole(choice))


@given(st.lists(THINKING | CALLS, max_size=6))
@settings(max_examples=300, deadline=None)
def test_what_is_answered_comes_back_the_same(blocks: list[Thinking | ToolUse]) -> None:
    items = whole(Choice(blocks=tuple(blocks)))["output"]

    turns = conversation(*items).turns

    back = [unplaced(part) for turn in turns for part in turn.parts]
    assert back == [expected(block) for block in blocks if says_something(block)]


def unplaced(part: Any) -> Any:
    return msgspec.structs.replace(part, path="")


def says_something(block: Thinking | ToolUse) -> bool:
    return block != Thinking(origin=block.origin) if isinstance(block, Thinking) else True


def expected(block: Thinking | ToolUse) -> Thinking | ToolUse:
    """Text without a proof is nobody's."""
    if isinstance(block, Thinking) and not (block.signature or block.redacted or block.id):
        return Thinking(text=block.text)
    return block


NAMES = st.sampled_from(
    """
    type role content text id call_id name arguments output summary encrypted_content status input_text
    image_url file_id file_data file_url filename detail input_audio data format refusal annotations tools
    parameters strict description schema effort generate_summary verbosity mode instructions tool_choice
    reasoning include top_logprobs metadata input cache_control prompt_cache_breakpoint extra_content google
    thought_signature max_output_tokens namespace definition syntax
    """.split()  # noqa: SIM905  # a list of as many lines as words says no more
)
TYPES = st.sampled_from(
    """
    message function_call function_call_output reasoning item_reference web_search_call custom_tool_call
    input_text output_text refusal input_image input_file input_audio user assistant system developer
    custom namespace web_search grammar additional_tools custom_tool_call_output tool_search_output
    function allowed_tools auto none required json_schema json_object summary_text {} data:image/png;base64,aa
    https://a.example tallygate:["gemini","","s",""] tallygate:[1] rs_tallygate_x_0 c__sig_aa c__sigt_!
    """.split()  # noqa: SIM905
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TYPES | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=6)


@given(st.lists(OBJECTS | VALUES, max_size=4) | VALUES, OBJECTS)
@settings(max_examples=500, deadline=None)
def test_any_json_is_a_conversation_or_refused_by_name(items: Any, fields: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidField, UnsupportedField):
        RESPONSES.conversation_from({**fields, "model": "m", "input": items})
