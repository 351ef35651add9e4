"""The models that a request names beside its own: in tools that a vendor runs, which ask them on their own.

Any field of such a tool whose name ends in ``model`` or ``models``, in whatever case, counts as one: vendors
invent these tools faster than we could list them. What is the caller's own words (schemas, examples, headers)
is passed over.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from proxy.interchange import wire
from proxy.interchange.errors import InvalidField

_OWN_WORDS = frozenset({"input_schema", "output_schema", "schema", "input_examples", "headers"})
# The same by the tool's type; a tool without one is a function.
_OWN_WORDS_OF = {
    "function": frozenset({"parameters"}),
    "tool_search": frozenset({"parameters"}),
    "mcp_toolset": frozenset({"configs"}),
}
_NAMES = ("model", "models")

# What a plain function has, of either vendor: nearly all tools are such, and are not walked through.
_PLAIN = frozenset({"type", "name", "description", "strict", "parameters", "input_schema", "cache_control"})
_WRAPPED = frozenset({"type", "function"})  # chat's

# How the name of such a field ends in JSON: plainly, with U+017F for the s, or behind an escape. (Of 93 kB of
# tools: looked for so 50 us, with a regular expression 1,250.)
_ESCAPE = b"\\u0"
_ENDS = (b'model"', b'models"', b'model\xc5\xbf"', _ESCAPE)


class _Place(NamedTuple):
    value: Any
    path: str
    is_tool: bool = False


def named_in(body: Mapping[str, Any], raw: bytes) -> tuple[str, ...]:
    """The models, each once. Raises InvalidField for what should be a model's name and is none."""
    places = [*_listed(body), *(_added(body) if may_add(raw) else ())]
    return tuple(dict.fromkeys(name for place in places for name in _named(place)))


def may_name(raw: bytes) -> bool:
    """Whether this JSON may name a model: if so, a vendor is sent what we read in it, not its bytes, as its
    parser may read another of two fields of one name."""
    plain = raw.lower()
    return any(end in plain for end in _ENDS)


def adds(body: Mapping[str, Any], raw: bytes) -> bool:
    """Whether a block of the messages declares a tool."""
    return may_add(raw) and any(True for _ in _added(body))


def may_add(raw: bytes) -> bool:
    """Whether a block of the messages may declare a tool in the middle of the conversation."""
    return b"tool_addition" in raw or _ESCAPE in raw


def _listed(body: Mapping[str, Any]) -> Iterator[_Place]:
    """What is declared in ``tools``, and in such of the input's items."""
    yield from _tools(body.get("tools"), "tools")
    for number, item in enumerate(wire.items(body.get("input"))):
        if isinstance(item, dict) and "tools" in item:
            yield from _tools(item["tools"], f"input[{number}].tools")


def _added(body: Mapping[str, Any]) -> Iterator[_Place]:
    """What blocks of messages declare: Anthropic's inline tools."""
    for number, message in enumerate(wire.objects(body.get("messages"))):
        for block in wire.objects(message.get("content")):
            if block.get("type") == "tool_addition":
                yield _Place(block.get("tool"), f"messages[{number}].content.tool")


def _tools(value: object, path: str) -> Iterator[_Place]:
    if not isinstance(value, list):
        yield _Place(value, path)
        return
    for number, tool in enumerate(value):
        if not _is_plain(tool):
            yield _Place(tool, f"{path}[{number}]", is_tool=True)


def _is_plain(tool: object) -> bool:
    if not isinstance(tool, dict) or tool.get("type", "function") != "function":
        return False
    function = tool["function"] if tool.keys() == _WRAPPED else tool
    return isinstance(function, dict) and function.keys() <= _PLAIN


def _named(start: _Place) -> Iterator[str]:
    """No recursion: a body may be nested more deeply than Python's stack is."""
    waiting = [start]
    while waiting:
        value, path, is_tool = waiting.pop()
        if isinstance(value, list):
            waiting += [_Place(inner, f"{path}[{number}]") for number, inner in enumerate(value)]
        elif isinstance(value, dict):
            own_words = _own_words(value, is_tool=is_tool)
            for name, inner in value.items():
                if name.casefold().endswith(_NAMES):
                    yield from _names(inner, f"{path}.{name}")
                elif name not in own_words:
                    waiting += _inside(name, inner, f"{path}.{name}")


def _inside(name: str, value: object, path: str) -> Iterator[_Place]:
    """The tools of a namespace are tools, and so are a function and a definition inside a tool."""
    if name == "tools":
        yield from _tools(value, path)
    else:
        yield _Place(value, path, is_tool=name in ("function", "definition"))


def _own_words(tool: Mapping[str, Any], *, is_tool: bool) -> frozenset[str]:
    if not is_tool:
        return _OWN_WORDS
    kinds = [value for name, value in tool.items() if name.casefold() == "type"] or ["function"]
    if len(kinds) > 1 or not isinstance(kinds[0], str):
        return _OWN_WORDS
    return _OWN_WORDS | _OWN_WORDS_OF.get(kinds[0], frozenset())


def _names(value: object, path: str) -> list[str]:
    """Those in a name or a list of names; null and an empty name leave the choice to the vendor."""
    names = value if isinstance(value, list) else [value]
    if not all(name is None or isinstance(name, str) for name in names):
        raise InvalidField(field=path, reason="must be the name of a model")
    return [name for name in names if isinstance(name, str) and name]
