"""Providers made to fail: their TOML, and what holds after every check whatever failed.

Each provider has a site of its own at the sandbox (``/@name``), so that a rule can single it out, and a
policy under which nothing but what a check is about acts.
"""

import json

from tests.live.house import House, until

KINDS = ("openai", "anthropic", "gemini", "openai_compatible")
TEXT = "The sandbox was asked: hello"
PATIENT = {
    "connect_timeout": 2.0,
    "first_byte_timeout": 10.0,
    "idle_timeout": 10.0,
    "total_timeout": 30.0,
    "max_attempts": 1,
    "breaker_failures": 10_000,
    "breaker_min_calls": 100_000,
    "retry_budget": 1.0,
}
MODEL = """
[[models]]
provider = "{provider}"
name = "{name}"
context_window = 128000
max_output_tokens = 1000
{own}
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "{input}"
output = "{output}"
"""


def base_url(name: str, kind: str) -> str:
    return f"SANDBOX/@{name}" + ("/v1" if kind.startswith("openai") else "")


def provider(
    name: str,
    kind: str = "openai_compatible",
    *,
    url: str = "",
    models: tuple[str, ...] = ("m",),
    price: tuple[str, str] = ("1.00", "2.00"),
    **policy: float | str,
) -> str:
    """A provider selling ``name/m``; ``policy`` replaces figures of PATIENT."""
    lines = [
        *("[[providers]]", f'name = "{name}"', f'kind = "{kind}"'),
        *(f'base_url = "{url or base_url(name, kind)}"', f'api_key = "{name}-of-the-gateway"'),
        "[providers.policy]",
        *[f"{field} = {json.dumps(value)}" for field, value in (PATIENT | policy).items()],
    ]
    return "\n".join(lines) + "".join(model(name, each, price=price) for each in models) + "\n"


def model(seller: str, name: str = "m", *, price: tuple[str, str] = ("1.00", "2.00"), **own: float) -> str:
    """A model; ``own`` are timeouts of its own."""
    lines = "\n".join(f"{field} = {value}" for field, value in own.items())
    return MODEL.format(provider=seller, name=name, own=lines, input=price[0], output=price[1])


def route(name: str, *targets: str) -> str:
    """An ordered route over ``target/m``, or over full names."""
    full = ", ".join(f'"{target}"' if "/" in target else f'"{target}/m"' for target in targets)
    return f'\n[[routes]]\nname = "{name}"\nstrategy = "ordered"\ntargets = [{full}]\n'


def site(name: str, **knobs: object) -> dict[str, object]:
    """A rule of the sandbox for one provider."""
    return {"match": {"site": name}, **knobs}


def sites_asked(house: House, request_id: str = "") -> list[str]:
    """Which providers were asked, in order; for one request or all."""
    return [call["site"] for call in house.vendors.calls(request_id)]


def answered(house: House, model: str, *, stream: bool, key: str = "") -> str:
    """The request id of a call that is answered with the sandbox's own words."""
    if stream:
        chunks = house.stream(model, "hello", key=key)
        assert (chunks.status, chunks.text, chunks.done) == (200, TEXT, True)
        return chunks.request_id
    answer = house.chat(model, "hello", key=key)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == TEXT
    return str(answer.headers["x-request-id"])


def is_free(path: str) -> bool:
    """Whether a vendor bills nothing for it: counting tokens, listing models (docs/decisions/0019)."""
    return "count" in path or path.endswith(("/input_tokens", "/models"))


def books_agree_with_vendors(house: House) -> None:
    """I1: every call that a vendor saw has one row. I3: what is unknown is never 0."""
    until(lambda: not house.open_holds(), seconds=15, what="no open hold")
    seen = [call["client_request_id"] for call in house.vendors.calls() if not is_free(call["path"])]
    assert len(seen) == len(set(seen))
    rows = house.sql(
        "SELECT request_id || '-' || attempt AS id, count(*) AS n FROM metering_costentry"
        " WHERE request_id || '-' || attempt = ANY (%s) AND kind = 'attempt' AND part = 0 GROUP BY 1",
        seen,
    )
    assert {row["id"]: row["n"] for row in rows} == dict.fromkeys(seen, 1)
    unknown_as_zero = "cost = 0 AND usage_source = 'unknown' AND cost_reason <> 'not_billed'"
    assert house.sql(f"SELECT id FROM metering_costentry WHERE {unknown_as_zero}") == []
