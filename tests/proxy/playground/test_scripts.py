"""The scripts without a page: exact decimals, counting, reading a stream, and words for what goes wrong."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.proxy.playground.node import node

SCRIPTS = Path(__file__).resolve().parents[3] / "static/playground"
PRICES = {
    "input": "0.075",
    "cache_read": "0.01875",
    "cache_write_5m": "0.075",
    "output": "2.5",
    "reasoning": "3.5",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts as modules: Node goes by the package, a browser by how they are asked for."""
    found = tmp_path_factory.mktemp("scripts")
    shutil.copytree(SCRIPTS, found, dirs_exist_ok=True)
    (found / "package.json").write_text('{"type": "module"}')
    return found


def evaluated(folder: Path, module: str, names: str, expression: str) -> Any:
    """The value of an expression over what ``module`` exports."""
    program = f'import {{ {names} }} from "{folder}/{module}.js";\nconsole.log(JSON.stringify({expression}));'
    done = subprocess.run(
        [node(), "--input-type=module", "-e", program],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_amounts_are_exact_and_written_without_zeros_at_their_end(folder: Path) -> None:
    amounts = {
        "one token at $0.075": "written(cost([[1, rate('0.075')]]))",
        "the story": "written(cost([[13, rate('0.3')], [4, rate('2.5')], [108, rate('2.50')]]))",
        "more than a float holds": "written(cost([[9007199254740991, rate('999999.999999')]]))",
        "dollars": "written(cost([[2000000, rate('15')]]))",
        "nothing": "written(cost([[0, null], [0, rate('1')]]))",
        "no rate": "cost([[1, null]])",
    }
    listed = ", ".join(f"{json.dumps(name)}: {value}" for name, value in amounts.items())
    assert evaluated(folder, "money", "cost, rate, written", f"{{ {listed} }}") == {
        "one token at $0.075": "0.000000075",
        "the story": "0.0002839",
        "more than a float holds": "9007199254731983.800745259009",
        "dollars": "30",
        "nothing": "0",
        "no rate": None,
    }


HEARD = """(() => {
  const tally = new Tally("x".repeat(52), [{ model: "a/b", rates: %s }]);
  tally.hear({ choices: [{ delta: { reasoning_content: "12345" } }] });
  tally.hear({ choices: [{ delta: { content: "Paris." } }] });
  const counted = { ...tally.buckets, cost: String(tally.cost), told: tally.told };
  tally.hear({ choices: [], usage: { prompt_tokens: 20, completion_tokens: 112,
    prompt_tokens_details: { cached_tokens: 7 }, completion_tokens_details: { reasoning_tokens: 108 } } });
  const told = { ...tally.buckets, cost: String(tally.cost), told: tally.told };
  tally.model = "a/other";
  return [counted, told, tally.cost];
})()"""


def test_it_is_counted_first_and_told_then(folder: Path) -> None:
    counted, told, of_another = evaluated(folder, "tally", "Tally", HEARD % json.dumps(PRICES))
    buckets = {"cache_write_5m": 0, "input": 13}
    assert counted == buckets | {
        "cache_read": 0,
        "output": 2,
        "reasoning": 2,
        "cost": "12975000",  # (13 x 0.075 + 2 x 2.5 + 2 x 3.5) x 10^6
        "told": False,
    }
    assert told == buckets | {
        "cache_read": 7,
        "output": 4,
        "reasoning": 108,
        "cost": "389106250",
        "told": True,
    }
    assert of_another is None  # whose rates the page does not know


READ = """await (async () => {
  const bytes = new TextEncoder().encode(%s);
  const pieces = [];
  for (let at = 0; at < bytes.length; at += %d) pieces.push(bytes.slice(at, at + %d));
  const found = [];
  for await (const data of events(new ReadableStream({
    start(controller) { pieces.forEach((piece) => controller.enqueue(piece)); controller.close(); },
  }))) found.push(data);
  return found;
})()"""


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_events_are_read_however_the_bytes_come(folder: Path, end: str, size: int) -> None:
    stream = end.join(
        [": alive", "", "data: é😀", "", "data:two", "data: lines", "", "event: x", "", "data: [DONE]"]
    )
    found = evaluated(folder, "sse", "events", READ % (json.dumps(stream), size, size))
    assert found == ["é😀", "two\nlines", "[DONE]"]


BUDGET = {
    "message": "The monthly budget of team search has no room for this call.",
    "code": "budget_exceeded",
    "limit_id": 3,
    "unit": "usd",
    "period": "month",
    "amount": "50",
    "spent": "49.5",
    "held": "0.25",
    "asked": "0.6",
    "left": "0.25",
    "resets_at": "2026-12-01T00:00:00+00:00",
    "ask": "/spend/budgets/3/",
}


def test_a_budget_that_refuses_says_how_it_stands(folder: Path) -> None:
    assert evaluated(folder, "words", "refusal", f"refusal(429, {json.dumps({'error': BUDGET})})") == {
        "title": "The budget has no room for this call (429).",
        "said": BUDGET["message"],
        "facts": [
            ["Limit", "50 USD a month"],
            ["Spent", "49.5 USD"],
            ["Held by open calls", "0.25 USD"],
            ["Left", "0.25 USD"],
            ["This call may need", "0.6 USD"],
            ["Begins anew", "2026-12-01 00:00 UTC"],
        ],
        "ask": "/spend/budgets/3/",
    }


@pytest.mark.parametrize(
    ("status", "error", "title"),
    [
        (401, {}, "The key was not accepted (401)."),
        (429, {"limit_id": 1, "unit": "requests"}, "A limit refused this call (429)."),
        (429, {}, "The vendor is asked too often (429)."),
        (400, {}, "The request was refused (400)."),
        (502, {}, "The vendor failed (502)."),
        (503, {}, "No answer can be had at this moment (503)."),
    ],
)
def test_every_refusal_has_a_title(folder: Path, status: int, error: dict[str, object], title: str) -> None:
    body = json.dumps({"error": error | {"message": "why"}})
    found = evaluated(folder, "words", "refusal", f"refusal({status}, {body}, '2')")
    assert (found["title"], found["said"]) == (title, "why Try again in 2 s.")


def test_an_answer_that_is_no_json_has_words_too(folder: Path) -> None:
    assert evaluated(folder, "words", "refusal", "refusal(502, null).said") == "It said no more."


def test_the_ledgers_price_in_words(folder: Path) -> None:
    figures = [
        {"cost_usd": "0.0002839", "unknown": "0", "why": ""},
        {"cost_usd": "0.5", "unknown": "1", "why": "Lost"},
        {"cost_usd": None, "unknown": "1", "why": "No price in force"},
    ]
    assert evaluated(folder, "ledger", "price", f"{json.dumps(figures)}.map(price)") == [
        "$0.0002839",
        "$0.5 and 1 attempt of unknown cost",
        "unknown: no price in force",
    ]
