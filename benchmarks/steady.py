"""An open-loop loader: calls start at a fixed rate, whether or not earlier ones have been answered.

Prints one line of JSON: the latency of every answered call in milliseconds, and how many calls failed. Every
call is waited for, so the numbers can be compared with a ledger. Body and key come from the environment.
"""

import argparse
import asyncio
import json
import os
import time

import aiohttp


async def measure(*, url: str, rate: float, count: int, warm_up: int) -> dict[str, object]:
    body = os.environ["BENCH_BODY"].encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {os.environ['BENCH_KEY']}"}
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as session:

        async def call() -> float | None:
            started = time.perf_counter()
            try:
                async with session.post(url, data=body) as answer:
                    await answer.read()
                    return (time.perf_counter() - started) * 1000 if answer.status == 200 else None
            except (aiohttp.ClientError, TimeoutError):
                return None

        tasks = await _at_rate(call, rate=rate, count=warm_up + count)
        latencies = await asyncio.gather(*tasks)
    answered = [latency for latency in latencies if latency is not None]
    kept = [latency for latency in latencies[warm_up:] if latency is not None]
    return {"latencies_ms": kept, "answered": len(answered), "failed": len(latencies) - len(answered)}


async def _at_rate(call, *, rate: float, count: int) -> list["asyncio.Task[float | None]"]:
    loop = asyncio.get_running_loop()
    begin = loop.time() + 0.1
    tasks = []
    for number in range(count):
        await asyncio.sleep(max(0.0, begin + number / rate - loop.time()))
        tasks.append(asyncio.create_task(call()))
    return tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--rate", type=float, required=True, help="calls per second")
    parser.add_argument("--count", type=int, required=True, help="measured calls")
    parser.add_argument("--warm-up", type=int, default=0, help="calls before them, counted but not timed")
    arguments = parser.parse_args()
    print(json.dumps(asyncio.run(measure(**vars(arguments)))))


if __name__ == "__main__":
    main()
