"""The declared configuration as typed values, and every complaint about it with its line.

A key that is left out is not managed by the file: on something new it takes its default, on something that
exists it stays as it is.
"""

import datetime as dt
import difflib
import re
import tomllib
from decimal import Decimal
from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import UNSET, Meta, UnsetType

from catalog.declaration.lines import Lines, Path

Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1, le=2_147_483_647)]
CountOrZero = Annotated[int, Meta(ge=0, le=2_147_483_647)]
Small = Annotated[int, Meta(ge=0, le=32_767)]
Share = Annotated[str, Meta(pattern=r"^[0-9]{1,3}(\.[0-9]{1,4})?$")]
Money = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$")]
MONEY = {
    "input",
    "output",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "reasoning",
    "audio_input",
    "audio_output",
    "per_request",
    "amount",
}
WANTED = {  # where the pattern alone would not help
    "name": "a name without spaces (providers and teams: lower case letters, digits, - and _)",
    "api_key_env": "the name of a variable that ends with _API_KEY, such as OPENAI_API_KEY",
    "base_url": "an address that starts with http:// or https://",
    "tag": 'a name and a value such as "feature=search"',
    "daily_utc": 'hours such as "01:00-04:00"',
    "effective_from": 'a moment with its time zone, such as "2026-01-01T00:00:00Z"',
    "expires_at": 'a moment with its time zone, such as "2027-01-01T00:00:00Z"',
}


CREDENTIALS = {"api_key", "api_key_env"}  # never repeated: a key may stand where its variable's name belongs


class DeclarationError(Exception):
    """The file cannot be applied. ``line`` is where, the message is why; nothing was changed."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file."""

    def given(self, *names: str) -> dict[str, Any]:
        """The keys among ``names`` that the file gives."""
        return {name: value for name in names if (value := getattr(self, name)) is not UNSET}


class Policy(Table, frozen=True):
    connect_timeout: Positive | UnsetType = UNSET
    first_byte_timeout: Positive | UnsetType = UNSET
    idle_timeout: Positive | UnsetType = UNSET
    total_timeout: Positive | UnsetType = UNSET
    max_attempts: Annotated[int, Meta(ge=1, le=10)] | UnsetType = UNSET
    breaker_failures: Annotated[int, Meta(ge=1, le=32_767)] | UnsetType = UNSET
    breaker_failure_rate: Annotated[float, Meta(gt=0, le=1)] | UnsetType = UNSET
    breaker_window: Count | UnsetType = UNSET
    breaker_min_calls: Count | UnsetType = UNSET
    breaker_cooldown: Positive | UnsetType = UNSET
    slow_p99: Positive | UnsetType = UNSET
    slow_for: Count | UnsetType = UNSET
    breaker_slow_seconds: Positive | UnsetType = UNSET
    breaker_slow_rate: Annotated[float, Meta(gt=0, le=1)] | UnsetType = UNSET
    health_check_interval: Annotated[float, Meta(ge=1)] | UnsetType = UNSET
    first_token_timeout: Positive | UnsetType = UNSET
    retry_budget: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    max_in_flight: Count | UnsetType = UNSET
    queue_seconds: Annotated[float, Meta(ge=0, le=60)] | UnsetType = UNSET
    on_leave: Literal["drain", "cancel"] | UnsetType = UNSET
    drain_seconds: Annotated[float, Meta(ge=0, le=600)] | UnsetType = UNSET


class Credential(Table, frozen=True):
    """A further credential of a provider, beside its own."""

    name: Annotated[str, Meta(pattern=r"^(?!default$)[a-z0-9][a-z0-9._-]*$", max_length=60)]
    api_key_env: Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9_]*_API_KEY$", max_length=100)] | UnsetType = (
        UNSET
    )
    api_key: Annotated[str, Meta(min_length=1)] | UnsetType = UNSET
    weight: Count | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Provider(Table, frozen=True):
    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=60)]
    kind: Literal["openai", "anthropic", "gemini", "openai_compatible"]
    base_url: Annotated[str, Meta(pattern=r"^https?://\S+$", max_length=300)]
    api_key_env: Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9_]*_API_KEY$", max_length=100)] | UnsetType = (
        UNSET
    )
    api_key: Annotated[str, Meta(min_length=1)] | UnsetType = UNSET
    region: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    priority: Small | UnsetType = UNSET
    serves_responses: bool | UnsetType = UNSET
    follows_links: bool | UnsetType = UNSET
    trusts_reported_cost: bool | UnsetType = UNSET
    reported_cost_tolerance: Share | UnsetType = UNSET
    policy: Policy = Policy()
    credentials: list[Credential] = []


class ListRates(Table, frozen=True):
    """Rates in USD per 1,000,000 tokens (``per_request``: per request)."""

    input: Money | UnsetType = UNSET
    output: Money | UnsetType = UNSET
    cache_read: Money | UnsetType = UNSET
    cache_write_5m: Money | UnsetType = UNSET
    cache_write_1h: Money | UnsetType = UNSET
    reasoning: Money | UnsetType = UNSET
    audio_input: Money | UnsetType = UNSET
    audio_output: Money | UnsetType = UNSET
    per_request: Money | UnsetType = UNSET


class Price(ListRates, frozen=True):
    """The rates are what is paid; ``list`` has the vendor's list price where that is another one."""

    effective_from: Annotated[dt.datetime, Meta(tz=True)] | UnsetType = UNSET
    list: ListRates = ListRates()
    tier: Literal["whole", "marginal"] = "whole"
    above_input_tokens: CountOrZero = 0
    variant: Literal["standard", "batch", "flex", "priority", "fast"] = "standard"
    daily_utc: Annotated[
        str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$")
    ] = ""
    weekdays: Literal["", "mon-fri", "sat-sun"] = ""


class Model(Table, frozen=True):
    provider: str
    name: Annotated[str, Meta(pattern=r"^\S+$", max_length=200)]
    context_window: Count | UnsetType = UNSET
    max_output_tokens: Count | UnsetType = UNSET
    capabilities: dict[str, bool | int | str] | UnsetType = UNSET
    first_byte_timeout: Positive | UnsetType = UNSET
    first_token_timeout: Positive | UnsetType = UNSET
    idle_timeout: Positive | UnsetType = UNSET
    total_timeout: Positive | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    prices: list[Price] = []


class Target(Table, frozen=True):
    model: str
    weight: Count = 1


class Route(Table, frozen=True):
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$", max_length=100)]
    strategy: Literal["ordered", "weighted", "cheapest", "fastest", "classify"] | UnsetType = UNSET
    targets: list[Target | str] | UnsetType = UNSET
    cache_ttl: CountOrZero | UnsetType = UNSET
    on_content_filter: Literal["answer", "next"] | UnsetType = UNSET
    hedge_after: Positive | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Key(Table, frozen=True):
    """What an existing key may do; keys are made by ``manage.py create_key``, which shows the secret."""

    name: str
    models: list[Annotated[str, Meta(min_length=1, max_length=200)]] | UnsetType = UNSET
    expires_at: Annotated[dt.datetime, Meta(tz=True)] | UnsetType = UNSET


class Team(Table, frozen=True):
    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
    title: Annotated[str, Meta(max_length=120)] | UnsetType = UNSET
    cost_center: Annotated[str, Meta(max_length=60)] | UnsetType = UNSET
    models: list[Annotated[str, Meta(min_length=1, max_length=200)]] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    keys: list[Key] = []
    limits: list[dict[str, Any]] = []  # read by metering/declaration.py, which knows what a limit is
    budgets: dict[str, Any] = {}  # read there, too


class Content(Table, frozen=True):
    providers: list[Provider] = []
    models: list[Model] = []
    routes: list[Route] = []
    teams: list[Team] = []


TableT = TypeVar("TableT", bound=Table)


class Declaration:
    """A file that has been read: its content, and the way from a value to its line."""

    def __init__(self, *, text: str, name: str) -> None:
        self.source = f"apply {PurePath(name).name}"[:200]  # of what it adds: models and prices name it
        self._lines = Lines(text)
        self.content = Content()

    def error(self, path: Path, message: str) -> DeclarationError:
        return DeclarationError(self._lines.of(path), message)

    def convert(self, value: Any, table: type[TableT], path: Path = ()) -> TableT:
        """``value`` as a ``table``. Raises DeclarationError."""
        try:
            return msgspec.convert(value, table)
        except msgspec.ValidationError as error:
            where, message = _explain(str(error), value, table)
            raise self.error((*path, *where), message) from error

    def once(self, seen: set[Any], identity: Any, path: Path, what: str) -> None:
        """Refuse a second declaration of the same thing."""
        if identity in seen:
            raise self.error(path, f"{what} is declared twice")
        seen.add(identity)


def read(*, text: str, name: str) -> Declaration:
    """The declaration in ``text``. Raises DeclarationError with the line that is wrong."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        raise DeclarationError(
            int(line[1]) if line else text.count("\n") + 1, f"not valid TOML: {error}"
        ) from error
    declaration = Declaration(text=text, name=name)
    _refuse_nul(declaration, raw, ())
    declaration.content = declaration.convert(raw, Content)
    return declaration


def _refuse_nul(declaration: Declaration, value: Any, path: Path) -> None:
    """TOML can write U+0000 and PostgreSQL cannot keep it."""
    if isinstance(value, str) and "\0" in value:
        raise declaration.error(path, "the character U+0000 cannot be kept")
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in pairs:
        _refuse_nul(declaration, step, path)
        _refuse_nul(declaration, inner, (*path, step))


_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`$")
_MISSING = re.compile(r"Object missing required field `(.*)`$")
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(\d+)\]")


def _explain(complaint: str, value: Any, table: type[Table]) -> tuple[Path, str]:
    """msgspec's complaint as (path of the culprit, words for the person who wrote the file)."""
    message, _, location = complaint.partition(" - at `$")
    path: Path = tuple(int(index) if index else key for key, index in _STEP.findall(location))
    if unknown := _UNKNOWN.match(message):
        known = _keys_at(table, path)
        close = difflib.get_close_matches(unknown[1], known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
        return (*path, unknown[1]), f"unknown key {unknown[1]!r}: {hint}"
    if missing := _MISSING.match(message):
        return path, f"{missing[1]!r} is missing"
    name = ".".join(str(step) for step in path if isinstance(step, str)) or "the file"
    culprit = _dig(value, path)
    if path and path[-1] in MONEY:
        if isinstance(culprit, int | float | Decimal) and not isinstance(culprit, bool):
            return path, f'{name} is money and money is written in quotes: {path[-1]} = "{culprit}"'
        return path, f'{name} must be an amount in quotes with at most 6 decimals, such as "2.50"'
    if choices := _choices_at(table, path):
        message = f"must be one of {', '.join(choices)}"
    elif path and path[-1] in WANTED:
        message = f"must be {WANTED[str(path[-1])]}"
    shown = f", not {culprit!r}" if _is_scalar(culprit) and path[-1] not in CREDENTIALS else ""
    return path, f"{name}: {_lower(message)}{shown}"


def _keys_at(table: Any, path: Path) -> list[str]:
    """The keys that the table at ``path`` may have."""
    for step in path:
        if isinstance(step, str):
            table = _table_in(table.__annotations__[step])
    return list(table.__struct_fields__)


def _choices_at(table: Any, path: Path) -> list[str]:
    """The words that may stand at ``path``, if only some may."""
    *outer, last = [step for step in path if isinstance(step, str)] or [""]
    for step in outer:
        table = _table_in(table.__annotations__[step])
    annotation = getattr(table, "__annotations__", {}).get(last)
    literals = [annotation, *getattr(annotation, "__args__", ())]
    return [word for part in literals if get_origin(part) is Literal for word in get_args(part) if word]


def _table_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    parts = (_table_in(part) for part in getattr(annotation, "__args__", ()))
    return next((found for found in parts if found is not None), None)


def _dig(value: Any, path: Path) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:].replace("`", "")
