"""Active health checks, over a real PostgreSQL and real sockets to the sandbox as the vendor."""

import asyncio
import dataclasses
import functools
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from structlog.testing import capture_logs

from catalog.models import Provider
from catalog.snapshot import ProviderRow
from metering.models import CostEntry, DailySpend, Hold
from proxy.adapters.base import ErrorClass, VendorError
from proxy.reliability.health.checks import HealthChecks
from proxy.sandbox import server
from proxy.upstream import Upstream
from tests import factories as f
from tests.proxy import values

Told = tuple[str, ErrorClass | None]


class Vendor:
    """The sandbox, as its operator and its bookkeeper see it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx2.Client(base_url=url)

    def behave(self, **rule: Any) -> None:
        self._http.put("/control", json={"rules": [rule]}).raise_for_status()

    def calls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._http.get("/control/calls").json()
        return found

    def close(self) -> None:
        self._http.close()


@dataclasses.dataclass
class Ears:
    """Hears what the breakers are told."""

    heard: list[Told] = dataclasses.field(default_factory=list)
    seconds: list[float] = dataclasses.field(default_factory=list)

    def checked(self, provider: ProviderRow, error: VendorError | None, seconds: float) -> None:
        self.heard.append((provider.name, error.error_class if error else None))
        self.seconds.append(seconds)


@dataclasses.dataclass
class Worker:
    checks: HealthChecks
    ears: Ears
    providers: dict[int, ProviderRow]


@pytest.fixture(scope="module")
def _sandbox() -> Iterator[Vendor]:
    with server.running() as url:
        vendor = Vendor(url)
        yield vendor
        vendor.close()


@pytest.fixture
def vendor(_sandbox: Vendor) -> Vendor:
    _sandbox._http.delete("/control")
    _sandbox._http.delete("/control/calls")
    return _sandbox


@pytest.fixture
def provider(request: pytest.FixtureRequest, own: str, vendor: Vendor) -> ProviderRow:
    """``openai`` at the sandbox, or what the test's parameters make of it; checked every second."""
    fields = {"kind": "openai", "base_url": "SANDBOX/v1"} | getattr(request, "param", {})
    fields["base_url"] = fields["base_url"].replace("SANDBOX", vendor.url)
    row = f.make_provider("openai", health_check_interval=1.0, **fields)
    return values.provider("openai", id=row.pk, api_key="sk-check", health_check_interval=1.0, **fields)


@asynccontextmanager
async def worker_of(conninfo: str, *providers: ProviderRow) -> AsyncIterator[Worker]:
    """A worker with these providers, whose checks begin when the test says so."""
    async with AsyncConnectionPool[Any](
        conninfo, min_size=1, max_size=2, open=False, kwargs={"autocommit": True}, timeout=1.0
    ) as pool:
        upstream, ears = Upstream(), Ears()
        known = {provider.id: provider for provider in providers}
        await upstream.start()
        checks = HealthChecks(pool=pool, upstream=upstream, board=ears, providers=lambda: known)
        try:
            yield Worker(checks, ears, known)
        finally:
            await checks.stop()
            await upstream.stop()


@pytest.fixture
async def worker(own: str, provider: ProviderRow) -> AsyncIterator[Worker]:
    async with worker_of(own, provider) as made:
        yield made


async def rows(own: str, query: str = "SELECT * FROM proxy_healthcheck") -> list[dict[str, Any]]:
    async with await psycopg.AsyncConnection.connect(
        own, autocommit=True, row_factory=dict_row
    ) as connection:
        cursor = await connection.execute(query)
        return await cursor.fetchall() if cursor.description else []


async def until(holds: Callable[[], Any], seconds: float = 2.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.01)


async def checked(own: str, worker: Worker) -> dict[str, Any]:
    """The row after one check that is due now."""
    heard = len(worker.ears.heard)
    await rows(own, "UPDATE proxy_healthcheck SET claimed_at = claimed_at - interval '1 min'")
    before = await rows(own)
    await worker.checks.begin_due()
    await until(lambda: len(worker.ears.heard) > heard)
    await until(lambda: _changed(own, before))
    [row] = await rows(own)
    return row


async def _changed(own: str, before: list[dict[str, Any]]) -> bool:
    return [row["checked_at"] for row in await rows(own)] != [row["checked_at"] for row in before] and bool(
        (await rows(own))[0]["checked_at"]
    )


async def test_a_check_asks_for_the_models_and_keeps_the_answer(
    own: str, vendor: Vendor, worker: Worker
) -> None:
    row = await checked(own, worker)
    [call] = vendor.calls()
    assert (call["path"], call["status"], call["client_request_id"]) == ("/v1/models", 200, "")
    assert (row["healthy"], row["detail"], row["in_a_row"]) == (True, "", 1)
    assert row["latency_ms"] < 1000
    assert worker.ears.heard == [("openai", None)]


@pytest.mark.parametrize(
    "provider",
    [{"kind": kind, "base_url": "SANDBOX"} for kind in ("anthropic", "gemini")],
    ids=["anthropic", "gemini"],
    indirect=True,
)
async def test_every_kind_of_vendor_answers_it(
    own: str, vendor: Vendor, provider: ProviderRow, worker: Worker
) -> None:
    row = await checked(own, worker)
    assert (row["healthy"], worker.ears.heard) == (True, [("openai", None)])
    assert [(call["vendor"], call["status"]) for call in vendor.calls()] == [(provider.kind, 200)]


async def test_a_failing_vendor_is_told_to_the_breakers(own: str, vendor: Vendor, worker: Worker) -> None:
    vendor.behave(status=500)
    row = await checked(own, worker)
    assert (row["healthy"], row["detail"]) == (False, "HTTP 500 server_error")
    assert worker.ears.heard == [("openai", ErrorClass.PROVIDER)]


@pytest.mark.parametrize("provider", [{"base_url": "http://127.0.0.1:9/v1"}], indirect=True)
async def test_a_vendor_out_of_reach_is_told_in_words(own: str, worker: Worker) -> None:
    row = await checked(own, worker)
    assert (row["healthy"], row["detail"]) == (False, "the vendor could not be reached")
    assert worker.ears.heard == [("openai", ErrorClass.TRANSPORT)]


async def test_a_vendor_that_refuses_the_credential_is_up(own: str, vendor: Vendor, worker: Worker) -> None:
    vendor.behave(status=401)
    row = await checked(own, worker)
    assert (row["healthy"], row["detail"]) == (True, "HTTP 401 invalid_api_key")
    assert worker.ears.heard == [("openai", ErrorClass.CREDENTIAL)]


async def test_the_same_outcome_in_a_row_is_counted_and_a_change_begins_anew(
    own: str, vendor: Vendor, worker: Worker
) -> None:
    found = [await checked(own, worker) for _ in range(2)]
    vendor.behave(status=503)
    found += [await checked(own, worker) for _ in range(3)]
    assert [(row["healthy"], row["in_a_row"]) for row in found] == [
        *((True, 1), (True, 2)),
        *((False, 1), (False, 2), (False, 3)),
    ]


async def test_h14_a_change_is_logged_as_a_probe_of_the_operator_and_a_check_is_no_call(
    own: str, vendor: Vendor, worker: Worker
) -> None:
    vendor.behave(status=503)
    with capture_logs() as logs:
        for _ in range(3):
            await checked(own, worker)
    [line] = [line for line in logs if line["event"] == "health_check"]
    assert (line["kind"], line["by"], line["provider"], line["healthy"]) == (
        *("probe", "operator"),
        *("openai", False),
    )
    assert len(vendor.calls()) == 3
    for model in (CostEntry, Hold, DailySpend):
        assert await rows(own, f"SELECT 1 FROM {model._meta.db_table}") == []


async def test_h13_of_four_workers_one_makes_each_check(
    own: str, vendor: Vendor, provider: ProviderRow
) -> None:
    async with (
        worker_of(own, provider) as one,
        worker_of(own, provider) as two,
        worker_of(own, provider) as three,
        worker_of(own, provider) as four,
    ):
        workers = (one, two, three, four)
        for tick in range(1, 4):
            await asyncio.gather(*(worker.checks.begin_due() for worker in workers))
            await until(functools.partial(_heard, workers, tick))
            await rows(own, "UPDATE proxy_healthcheck SET claimed_at = claimed_at - interval '1 min'")
        assert sum(len(worker.ears.heard) for worker in workers) == len(vendor.calls()) == 3


def _heard(workers: tuple[Worker, ...], number: int) -> bool:
    return sum(len(worker.ears.heard) for worker in workers) >= number


async def test_h13_a_check_missed_by_a_crash_is_made_once_at_the_next_turn(
    own: str, vendor: Vendor, provider: ProviderRow
) -> None:
    async with worker_of(own, provider) as survivor:
        await rows(
            own,
            "INSERT INTO proxy_healthcheck (provider_id, claimed_at, detail, in_a_row)"
            f" VALUES ({provider.id}, clock_timestamp(), '', 0)",
        )  # claimed by a worker that is no more
        await survivor.checks.begin_due()
        assert vendor.calls() == []
        await asyncio.sleep(1.05)
        await survivor.checks.begin_due()
        await survivor.checks.begin_due()
        await until(lambda: survivor.ears.heard)
        assert len(vendor.calls()) == 1


async def test_the_interval_is_kept_within_a_second(
    own: str, vendor: Vendor, provider: ProviderRow, worker: Worker
) -> None:
    await worker.checks.start()
    await until(lambda: len(worker.ears.heard) == 3, seconds=6)
    began = [call["started"] for call in vendor.calls()]
    gaps = [later - earlier for earlier, later in itertools.pairwise(began)]
    assert all(1.0 <= gap < 2.0 for gap in gaps), gaps


async def test_a_vendor_that_hangs_is_down_after_an_interval_and_its_checks_do_not_pile_up(
    own: str, vendor: Vendor, worker: Worker
) -> None:
    vendor.behave(latency=30.0)
    await worker.checks.start()
    await until(lambda: worker.ears.heard, seconds=4)
    assert worker.ears.heard == [("openai", ErrorClass.TRANSPORT)]
    assert worker.ears.seconds[0] == pytest.approx(1.0, abs=0.3)
    await asyncio.sleep(1.0)
    assert sum(call["finished"] is None for call in vendor.calls()) <= 1
    [row] = await rows(own)
    assert (row["healthy"], row["detail"]) == (False, "the check took longer than its interval")


async def test_switched_off_it_stops_and_its_result_is_forgotten(
    own: str, vendor: Vendor, provider: ProviderRow, worker: Worker
) -> None:
    await checked(own, worker)
    await rows(own, f"UPDATE {Provider._meta.db_table} SET health_check_interval = NULL")
    worker.providers[provider.id] = dataclasses.replace(provider, health_check_interval=None)
    await asyncio.sleep(1.05)
    await worker.checks.begin_due()
    assert await rows(own) == []
    assert len(vendor.calls()) == 1


async def test_a_provider_deleted_or_unknown_to_the_database_is_not_checked(
    own: str, vendor: Vendor, provider: ProviderRow
) -> None:
    async with worker_of(own, dataclasses.replace(provider, id=provider.id + 1)) as worker:
        await worker.checks.begin_due()
    assert (vendor.calls(), await rows(own)) == ([], [])


async def test_without_postgresql_nothing_is_asked(provider: ProviderRow, vendor: Vendor) -> None:
    """Who could not claim a check does not make it: others may be making it."""
    async with worker_of("host=127.0.0.1 port=9 connect_timeout=1", provider) as worker:
        began = time.monotonic()
        await worker.checks.start()
        await asyncio.sleep(0.3)
        assert vendor.calls() == []
    assert time.monotonic() - began < 5
