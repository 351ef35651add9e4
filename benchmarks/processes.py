"""Programs that the benchmark starts: pinned to a core, stopped without fail, their CPU time read."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class StartFailed(Exception):
    """A program ended, or did not listen in time; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Program:
    """A started program and where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid


def pinned(core: int, command: list[str]) -> list[str]:
    """``command`` on one core; should the benchmark itself be killed, the kernel ends the command too."""
    return ["setpriv", "--pdeathsig", "TERM", "--", "taskset", "-c", str(core), *command]


def start(
    name: str,
    command: list[str],
    *,
    core: int,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Program:
    """Start ``command`` pinned to ``core``, in a session of its own so that Ctrl-C reaches only us."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            pinned(core, command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    return Program(name, process, log)


def stop(program: Program, *, seconds: float = 20.0) -> None:
    """End the program politely, then for good, with whatever is left of its process group."""
    if program.process.poll() is None:
        program.process.terminate()
        try:
            program.process.wait(seconds)
        except subprocess.TimeoutExpired:
            print(f"  {program.name} did not stop within {seconds:.0f} s and was killed", flush=True)
    try:
        os.killpg(program.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
    finally:
        program.process.wait(5)


def wait_for_port(program: Program, port: int, *, seconds: float) -> None:
    """Return when something listens on ``port``. Raises StartFailed when the program ends or time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if program.process.poll() is not None:
            raise StartFailed(f"{program.name} ended with {program.process.returncode}:\n{tail(program.log)}")
        if listens(port):
            return
        time.sleep(0.2)
    raise StartFailed(f"{program.name} did not listen on {port} in {seconds:.0f} s:\n{tail(program.log)}")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def descendants(pid: int) -> list[int]:
    """The process and everything below it, parents before children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def leaves(pid: int) -> list[int]:
    """The processes below ``pid`` without children: a server's workers; ``pid`` itself if it has none."""
    tree = descendants(pid)
    parents = {int(fields[1]) for each in tree if (fields := _stat(each))}
    return [each for each in tree if each not in parents]


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()


def pin(pid: int, core: int) -> None:
    """Move a running process to one core, every thread of it (as ``taskset -a -p`` does)."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def cores_of(pid: int) -> set[int]:
    """The cores that any thread of the process may run on."""
    threads = [int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir()]
    return set().union(*(os.sched_getaffinity(thread) for thread in threads))


def cpu_seconds(pids: list[int]) -> float:
    """User and system time that the processes have used so far."""
    ticks = [int(fields[11]) + int(fields[12]) for pid in pids if (fields := _stat(pid))]
    return sum(ticks) / TICKS


def core_ticks(core: int) -> tuple[int, int, int]:
    """Ticks of one core so far: busy, stolen by the hypervisor, all."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *numbers = line.split()
        if name == f"cpu{core}":
            ticks = [int(number) for number in numbers[:8]]
            idle = ticks[3] + ticks[4]
            return sum(ticks) - idle - ticks[7], ticks[7], sum(ticks)
    raise LookupError(f"core {core}")


def _stat(pid: int) -> list[str]:
    """``/proc/PID/stat`` from the state on (index 0), which a command name with spaces cannot shift."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
