"""The knobs: what should go wrong, for whom and how often.

A knob is a request header (``x-sandbox-stall-after: 3``; objects as JSON) or a member of a rule set by
``PUT /control``::

    {"rules": [{"match": {"model": "gemini-*", "vendor": "gemini"}, "probability": 0.2, "times": 3,
                "status": 503, "retry_after": 2}], "seed": 7}

The first rule that matches and fires decides; headers win over it, knob by knob. ``GET /control``
shows the rules, ``DELETE /control`` resets rules, prompt cache and random numbers. Much of what a knob does
can also be asked for in the prompt: see ``plan``.
"""

import fnmatch
import random
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

import msgspec

from proxy.sandbox.plan import Refusal


class Knobs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one answer departs from the usual. Times are seconds; a chunk is a piece of content."""

    latency: float = 0.0  # before the headers
    chunk_delay: float = 0.0  # before each chunk
    chunks: int | None = None  # how many pieces the text is streamed in
    status: int | None = None  # answer this error (with error_in_stream_after: put it into the stream)
    error_code: str | None = None  # the vendor's own word in that error, e.g. insufficient_quota
    retry_after: float | None = None  # a header; in Gemini's errors RetryInfo in the body
    stall_after: int | None = None  # this many chunks, then silence until the caller leaves
    cut_after: int | None = None  # this many chunks, then the socket is closed without an end
    drop: bool = False  # close the socket before any byte of the answer
    heartbeat: float = 0.0  # every so often while nothing is streamed: OpenAI a comment, Anthropic a ping
    crlf: bool = False  # the lines of a stream end with carriage return and line feed
    split_bytes: int | None = None  # the body goes out in writes of so many bytes
    headers: dict[str, str] | None = None  # further ones, or others in place of the vendor's
    malformed: Literal["frame", "json", "html"] | None = None  # see ``faults.send_whole``
    error_in_stream_after: int | None = None  # this many chunks, then the vendor's error event
    usage: dict[str, Any] | None = None  # merged over the vendor's usage object
    no_usage: bool = False
    text: str | None = None  # the answer; percent-encoded in a header
    preamble: str | None = None  # a text before tool calls; percent-encoded in a header
    argument_chunks: int = 2  # how many pieces the arguments of a call are streamed in
    interleave: bool = False  # parallel calls are streamed piece by piece in turn: 0, 1, 0, 1
    # The arguments of a call without any: "empty" sends "", "braces" sends "{}", "omit" sends nothing.
    # Unset: Anthropic streams one "", OpenAI writes "{}", Gemini an empty object.
    no_arguments: Literal["empty", "braces", "omit"] | None = None
    # How not to answer. "answer": the model refuses (OpenAI's refusal, Anthropic's stop reason, Gemini's
    # SAFETY); "filter": cut off within the answer; "prompt": OpenAI's invalid_prompt, Gemini's block.
    refusal: Refusal | None = None
    redacted_thinking: bool = False  # Anthropic: redacted_thinking in place of thinking
    service_tier: str | None = None  # the tier served, whatever was asked for
    input_tokens: int | None = None
    output_tokens: int | None = None  # visible ones
    reasoning_tokens: int | None = None
    static_id: str | None = None  # the id of every answer


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a rule is for. Strings are shell patterns; what is absent matches everything."""

    vendor: str | None = None
    model: str | None = None
    path: str | None = None
    site: str | None = None  # the X of a base URL http://host:port/@X/...: one sandbox, many regions
    api_key: str | None = None
    stream: bool | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """What a rule can look at."""

    vendor: str
    model: str
    path: str
    site: str
    api_key: str
    stream: bool


class Rule(Knobs, frozen=True, forbid_unknown_fields=True):
    """Knobs with the condition under which they apply."""

    match: Match = Match()
    probability: float = 1.0
    times: int | None = None  # fires at most this often


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``PUT /control``."""

    rules: list[Rule] = []
    seed: int | None = None


NO_KNOBS = Knobs()
OBJECTS = {"usage", "headers"}  # in a header they are JSON
TEXTS = {"text", "preamble"}  # in a header they are percent-encoded


class Control:
    """The rules in force."""

    def __init__(self, *, latency: float = 0.0, seed: int = 0) -> None:
        self._default = Knobs(latency=latency) if latency else NO_KNOBS
        self._default_seed = seed
        self.reset()

    def reset(self) -> None:
        """Back to how the sandbox was started."""
        self.put(Rules())

    def put(self, rules: Rules) -> None:
        """Replace all rules and start their counters and the random numbers anew."""
        self.rules = rules
        self._fired = [0] * len(rules.rules)
        self._random = random.Random(self._default_seed if rules.seed is None else rules.seed)

    def shown(self) -> dict[str, Any]:
        """The rules with how often each fired."""
        shown = msgspec.to_builtins(self.rules)
        for rule, fired in zip(shown["rules"], self._fired, strict=True):
            rule["fired"] = fired
        return {**shown, "default_latency": self._default.latency}

    def knobs_for(self, caller: Caller, headers: dict[bytes, bytes]) -> Knobs:
        """What applies to one request. Raises ``msgspec.ValidationError`` for a header it cannot read."""
        knobs = self._fired_rule(caller) if self.rules.rules else self._default
        asked = _from_headers(headers)
        return msgspec.structs.replace(knobs, **asked) if asked else knobs

    def _fired_rule(self, caller: Caller) -> Knobs:
        for index, rule in enumerate(self.rules.rules):
            if not _matches(rule.match, caller) or self._fired[index] == rule.times:
                continue
            if rule.probability >= 1.0 or self._random.random() < rule.probability:
                self._fired[index] += 1
                return rule
        return self._default


def _matches(match: Match, caller: Caller) -> bool:
    if match.stream is not None and match.stream != caller.stream:
        return False
    wanted = (
        (match.vendor, caller.vendor),
        (match.model, caller.model),
        (match.path, caller.path),
        (match.site, caller.site),
        (match.api_key, caller.api_key),
    )
    return all(pattern is None or fnmatch.fnmatchcase(value, pattern) for pattern, value in wanted)


def _from_headers(headers: dict[bytes, bytes]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, value in headers.items():
        if name.startswith(b"x-sandbox-"):
            given[name[10:].decode("latin-1").replace("-", "_")] = value.decode("latin-1")
    if not given:
        return given
    for knob in OBJECTS & given.keys():
        given[knob] = msgspec.json.decode(given[knob])
    for knob in TEXTS & given.keys():
        given[knob] = unquote(given[knob])
    read = msgspec.convert(given, Knobs, strict=False)
    return {name: getattr(read, name) for name in given}
