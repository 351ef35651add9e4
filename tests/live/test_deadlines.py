"""Our own deadline: what was streamed is booked, and a vendor at work is not taken for a failing one."""

import os
import signal

import pytest

from tests.live.conftest import NewHouse
from tests.live.house import Databases, House, until

pytestmark = pytest.mark.live

CONFIGURATION = """
[[providers]]
name = "slow"
kind = "openai_compatible"
base_url = "SANDBOX/@slow/v1"
api_key = "of-the-gateway"
[providers.policy]
total_timeout = 1.0
max_attempts = 1
breaker_failures = 1
[[models]]
provider = "slow"
name = "m"
max_output_tokens = 1000
[[models.prices]]
effective_from = "2020-01-01T00:00:00Z"
input = "1.00"
output = "2.00"
"""


def test_a_stream_past_the_deadline_is_booked_as_estimated_and_opens_no_breaker(house: House) -> None:
    house.vendors.behave({"match": {"site": "slow"}, "chunks": 20, "chunk_delay": 0.3, "text": "word " * 40})

    answer = house.stream("slow/m")

    assert answer.error is not None
    assert (answer.error["code"], answer.done) == ("deadline_exceeded", False)
    entry = house.entry_soon(answer.request_id)
    assert (entry["outcome"], entry["usage_source"], entry["error_class"]) == ("cut", "estimated", "deadline")
    assert entry["cost"] > 0
    house.vendors.reset()
    for _ in range(4):  # both workers
        assert house.chat("slow/m").status_code == 200


def test_workers_whose_master_was_killed_give_the_port_back(
    new_house: NewHouse, databases: Databases, configured: tuple[str, str]
) -> None:
    name = databases.create(template=configured[0])
    house = new_house(name=name).start()
    try:
        workers = house.worker_pids()
        assert house.server is not None
        os.kill(house.server.process.pid, signal.SIGKILL)
        until(lambda: not any(_lives(pid) for pid in workers), seconds=15, what="no orphaned worker")
    finally:
        house.close()
        databases.drop(name)


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
