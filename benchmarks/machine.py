"""The tools and the machine: what is missing, and the facts that belong beside every number."""

import fcntl
import importlib.metadata as metadata
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import IO

_PACKAGES = {"nginx": "nginx-light", "wrk": "wrk", "taskset": "util-linux", "setpriv": "util-linux"}
_LIBRARIES = ["aiohttp", "uvicorn", "uvloop", "httptools", "gunicorn", "django"]


class NotReady(Exception):
    """This machine cannot run the benchmark yet; the message says what to do."""


def check_tools() -> None:
    """Raises NotReady with the command that installs what is missing."""
    missing = [tool for tool in _PACKAGES if not shutil.which(tool)]
    if missing:
        packages = " ".join(sorted({_PACKAGES[tool] for tool in missing}))
        raise NotReady(f"missing: {', '.join(missing)}. Install with:\n  sudo apt-get install -y {packages}")


def only_one(path: Path) -> IO[str]:
    """A lock held until the file is closed or the process ends. Raises NotReady when another run holds it."""
    lock = path.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise NotReady("another benchmark is running in this directory; wait for it to end") from None
    return lock


def two_cores() -> tuple[int, int]:
    """The core for the gateway and the core for everything else. Raises NotReady when there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise NotReady("the benchmark needs two cores: one for the gateway, one for everything else")
    return cores[0], cores[1]


def facts() -> list[str]:
    """Machine and versions, a line each."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{name} {metadata.version(name)}" for name in _LIBRARIES)
    return [
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}",
        f"Python {platform.python_version()}, nginx {_version('nginx')}, wrk {_version('wrk')}",
        libraries,
    ]


def load_average() -> float:
    return os.getloadavg()[0]


def revision(root: Path) -> str:
    """The commit that is measured, marked when files differ from it."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "of no known revision"


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _version(program: str) -> str:
    """The first version number that ``PROGRAM -v`` prints, on either stream, whatever its exit code."""
    done = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[\w.]*", done.stdout + done.stderr)
    return found[0] if found else "?"
