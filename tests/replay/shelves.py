"""The gateway's catalog for the replay: one model for each recording, at genai-prices' price of its model.

A recorded failure has a provider to itself: what the gateway learns from it (a rejected credential, an open
breaker) must not touch the other recordings.
"""

import datetime as dt
import json
from collections.abc import Iterator

from catalog.pricebook import conversion
from catalog.pricebook.rows import PriceRow
from tests.replay import pricing
from tests.replay.recordings import ALL, Recording

# Models that Anthropic lets help with the answers of others; the catalog must know them to price their share.
HELPERS = ("claude-fable-5", "claude-opus-4-7", "claude-opus-4-8")
ROOTS = {"anthropic": "", "gemini": ""}  # without a version, as their SDKs take it


def provider_name(recording: Recording, kind: str) -> str:
    base = f"{recording.vendor}-{kind.replace('_', '-')}"
    if serves_responses(recording, kind):
        base += "-responses"
    return f"{base}-r{recording.number:04d}" if recording.failed else base


def serves_responses(recording: Recording, kind: str) -> bool:
    """Whether it is sold by a compatible vendor that has OpenAI's Responses API, too."""
    return recording.wire == "responses" and kind == "openai_compatible"


def kinds(recording: Recording) -> list[str]:
    """The kinds of provider that sell the recording; the first speaks its wire.

    What OpenAI's own kind would ask for at /v1/responses was recorded at /v1/chat/completions: to have it
    translated, a compatible provider sells it too.
    """
    if recording.wire == "responses":
        return ["openai" if recording.vendor in ("openai", "azure") else "openai_compatible"]
    if recording.kind == "openai" and recording.wire == "chat":
        return ["openai", "openai_compatible"]
    return [recording.kind]


def called(recording: Recording, *, translated: bool = False) -> str:
    """The name that a caller asks for. ``translated``: of the provider that does not speak /v1/responses."""
    kind = kinds(recording)[-1 if translated else 0]
    return f"{provider_name(recording, kind)}/{recording.upstream_id}"


def declaration(*, replay: str, at: dt.datetime) -> str:
    """The TOML of everything. ``replay`` is the replaying vendor's address."""
    lines = ['[[teams]]\nname = "replay"\nmodels = ["*"]\n']
    providers: dict[str, str] = {}
    for recording in ALL:
        for kind in kinds(recording):
            name = provider_name(recording, kind)
            providers[name] = _provider(name, kind, replay, serves_responses(recording, kind))
            lines.append(_model(name, recording.upstream_id, recording.vendor, recording.model, at))
    lines += [_model("anthropic-anthropic", name, "anthropic", name, at) for name in HELPERS]
    return "\n".join([*providers.values(), *lines])


def _provider(name: str, kind: str, replay: str, has_responses: bool) -> str:
    serves = "serves_responses = true\n" if has_responses else ""
    return (
        f'[[providers]]\nname = "{name}"\nkind = "{kind}"\nbase_url = "{replay}{ROOTS.get(kind, "/v1")}"\n'
        f'api_key = "key-of-{name}"\n{serves}[providers.policy]\nmax_attempts = 1\n'
    )


def _model(provider: str, name: str, vendor: str, recorded: str, at: dt.datetime) -> str:
    """``name`` at the price of the vendor's model ``recorded``."""
    head = f'[[models]]\nprovider = "{provider}"\nname = {json.dumps(name)}\n'
    return head + "".join(_price(row) for row in rows(vendor, recorded, at))


def rows(vendor: str, model: str, at: dt.datetime) -> Iterator[PriceRow]:
    """The price rows in force at ``at``, as a fresh catalog is seeded with them."""
    info = pricing.model_of(vendor, model)
    if info is None:
        return
    for row in conversion.rows_of(info)[0]:
        if row.effective_from <= at and (row.effective_to is None or at < row.effective_to):
            yield row


def _price(row: PriceRow) -> str:
    rates = {name: f"{value:f}" for name, value in row.rates._asdict().items() if value is not None}
    hours = f"{row.daily_from:%H:%M}-{row.daily_to:%H:%M}" if row.daily_from and row.daily_to else ""
    keys = {"variant": row.variant, "daily_utc": hours, "weekdays": row.weekdays, **rates}
    lines = "".join(f'{name} = "{value}"\n' for name, value in keys.items() if value)
    return (
        f'[[models.prices]]\neffective_from = "{row.effective_from.isoformat()}"\n'
        f"above_input_tokens = {row.above_input_tokens}\n{lines}"
    )
