"""What an admin changes reaches every worker within a second, while calls go on."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal

import httpx2
import pytest

from tests.live.house import House, Worker, until

pytestmark = pytest.mark.live

CONFIGURATION = """
[[models]]
provider = "local"
name = "phi"
max_output_tokens = 1000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "1.00"

[[teams]]
name = "leaver"
models = ["*"]
"""
WITHIN = 1.0  # seconds, of DESIGN.md


@pytest.fixture
def workers(house: House) -> Iterator[list[Worker]]:
    """A connection to each worker."""
    with ExitStack() as stack:
        yield [stack.enter_context(house.worker(pid)) for pid in house.worker_pids()]


def cost_told(worker: Worker, model: str) -> Decimal:
    status, body, headers = worker.chat(model)
    assert status == 200, body
    return Decimal(headers["x-tallygate-cost-usd"])


def test_a_new_price_reaches_both_workers(house: House, workers: list[Worker]) -> None:
    """And both charge it from its first moment on: no replica is left behind (D11)."""
    old, new = Decimal("0.000017"), Decimal("0.000034")
    assert [cost_told(worker, "phi") for worker in workers] == [old, old]
    house.apply(
        '[[models]]\nprovider = "local"\nname = "phi"\n[[models.prices]]\ninput = "2.00"\noutput = "2.00"\n'
    )
    for worker in workers:
        until(lambda w=worker: cost_told(w, "phi") == new, seconds=WITHIN, what="the new price", every=0.02)
    rows = house.sql(
        "SELECT p.id, p.input, p.effective_to FROM catalog_price p"
        " JOIN catalog_languagemodel m ON m.id = p.model_id WHERE m.name = 'phi' ORDER BY p.effective_from"
    )
    assert [row["input"] for row in rows] == [Decimal(1), Decimal(2)]
    booked = house.sql(
        "SELECT cost, price_id, started_at FROM metering_costentry WHERE route = 'phi' ORDER BY started_at"
    )
    for entry in booked:
        row = rows[0] if entry["started_at"] < rows[0]["effective_to"] else rows[1]
        assert (entry["price_id"], entry["cost"]) == (row["id"], old if row is rows[0] else new)


def test_a_planned_price_begins_by_itself(house: House, workers: list[Worker]) -> None:
    """Nobody tells the workers anything at that moment: they knew of it before."""
    [now] = house.sql(
        "SELECT to_char(now() + interval '6 seconds', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS later"
    )
    house.apply(
        '[[models]]\nprovider = "local"\nname = "planned"\n'
        '[[models.prices]]\ninput = "1.00"\noutput = "1.00"\n'
        f'[[models.prices]]\neffective_from = "{now["later"]}"\ninput = "3.00"\noutput = "3.00"\n'
    )
    for worker in workers:
        until(lambda w=worker: w.chat("planned")[0] == 200, seconds=WITHIN, what="a new model")
    for worker in workers:
        until(
            lambda w=worker: cost_told(w, "planned") == Decimal("0.000051"),
            seconds=10,
            what="the planned price",
        )


def test_a_new_key_works_at_once(house: House, workers: list[Worker]) -> None:
    done = house.manage("create_key", "--team", "search", "--name", "brand-new")
    made = time.monotonic()
    key = done.stdout.strip()
    assert done.stdout == f"{key}\n"
    for worker in workers:
        until(
            lambda w=worker: w.chat("llama", key=key)[0] == 200,
            seconds=WITHIN,
            what="the new key",
            every=0.02,
        )
    assert time.monotonic() - made < WITHIN + 0.5


def test_a_disabled_team_is_shut_out(house: House, workers: list[Worker]) -> None:
    key = house.new_key(team="leaver")
    house.apply('[[teams]]\nname = "leaver"\nenabled = false\n')
    for worker in workers:
        until(
            lambda w=worker: w.chat("llama", key=key)[0] == 401, seconds=WITHIN, what="shut out", every=0.02
        )


def test_a_route_and_a_provider_come_and_go(house: House, workers: list[Worker]) -> None:
    house.apply(
        '[[routes]]\nname = "warm"\nstrategy = "ordered"\ntargets = ["local/llama", "openai/gpt-4o"]\n'
    )
    for worker in workers:
        until(lambda w=worker: w.chat("warm")[0] == 200, seconds=WITHIN, what="the route")
    house.sql("UPDATE catalog_provider SET enabled = false WHERE name = 'local'")
    for worker in workers:
        until(
            lambda w=worker: w.chat("warm")[2].get("x-tallygate-model") == "openai/gpt-4o",
            seconds=WITHIN,
            what="the next target",
        )
    house.sql("UPDATE catalog_provider SET enabled = true WHERE name = 'local'")
    for worker in workers:
        until(lambda w=worker: w.chat("llama")[0] == 200, seconds=WITHIN, what="the provider is back")


def test_a_bad_file_changes_nothing_and_names_the_line(house: House) -> None:
    configuration = (
        "SELECT (SELECT count(*) FROM catalog_team) AS teams, (SELECT count(*) FROM catalog_price) AS prices"
    )
    before = house.sql(configuration)
    model = '[[models]]\nprovider = "local"\nname = "x"\n[[models.prices]]\ninput = "free"\n'
    bad = '[[teams]]\nname = "good"\n\n' + model
    done = house.manage("apply", "-", stdin=bad)
    assert done.returncode != 0
    assert "line 8" in done.stderr
    assert "Traceback" not in done.stderr
    assert house.sql(configuration) == before
    dry = house.manage("apply", "-", "--dry-run", stdin='[[teams]]\nname = "good"\n')
    assert dry.returncode == 0
    assert "good" in dry.stdout
    assert house.sql(configuration) == before


def test_applying_does_not_disturb_calls_under_way(house: House) -> None:
    statuses: Counter[int] = Counter()
    over = threading.Event()

    def call() -> None:
        with httpx2.Client(base_url=house.url, timeout=10.0) as client:
            while not over.is_set():
                answer = client.post(
                    "/v1/chat/completions", content=house.body("gpt-4o"), headers=house.headers()
                )
                statuses[answer.status_code] += 1

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        toml = "".join(
            f'[[teams]]\nname = "team-{n}"\n[[teams.limits]]\namount = "{n}.5"\n' for n in range(1, 30)
        )
        assert "team-29" in house.apply(toml)
        assert house.apply(toml) == "no changes\n"
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200}
    assert statuses[200] > 20
    house.verify()
