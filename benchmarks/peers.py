"""LiteLLM's proxy, installed by ordinary pip into an environment of its own.

pip is asked for the newest version and, left to its own search, settles on the newest whose requirements can
be met from the index that this machine has. Beyond ``litellm[proxy]`` we install what may make it faster:
httptools for its uvicorn, and the OpenTelemetry packages that it otherwise tries to import in vain.
"""

import contextlib
import json
import re
import shutil
import subprocess
import time
import venv
from dataclasses import asdict, dataclass
from pathlib import Path

_HELPERS = ["httptools", "opentelemetry-sdk", "opentelemetry-exporter-otlp"]
_FALLBACKS = 4  # how many older release lines are tried when pip's own search fails
_PROGRESS_SECONDS = 20


class InstallFailed(Exception):
    """No version of LiteLLM could be installed; the message says where pip's log is."""


@dataclass(frozen=True, slots=True)
class Peers:
    """An environment that holds LiteLLM: the version installed, and the newest that is published."""

    directory: Path
    litellm: str
    newest_seen: str

    @property
    def bin(self) -> Path:
        return self.directory / "bin"

    @property
    def title(self) -> str:
        return f"LiteLLM {self.litellm}"


def ensure(directory: Path, *, version: str | None, refresh: bool) -> Peers:
    """The environment under ``directory``; made when it is missing, of another version, or on request."""
    note = directory / "peers.json"
    with contextlib.suppress(OSError, ValueError, KeyError):
        kept = json.loads(note.read_text())
        if not refresh and version in (None, kept["litellm"]) and (directory / "bin" / "litellm").exists():
            return Peers(directory, **kept)
    peers = _install(directory, version)
    note.write_text(json.dumps({k: v for k, v in asdict(peers).items() if k != "directory"}))
    return peers


def _install(directory: Path, version: str | None) -> Peers:
    log = directory.with_suffix(".log")
    print(f"Installing LiteLLM into {directory.name} (log: {log.name}); about 1-3 minutes ...", flush=True)
    log.write_text("")
    _make_empty(directory)
    seen = _published(directory, log)
    for wanted in [version] if version else [None, *_older_lines(seen)]:
        requirement = "litellm[proxy]" + (f"=={wanted}" if wanted else "")
        if _pip(directory, ["install", requirement], log) and _pip(directory, ["install", *_HELPERS], log):
            _compile(directory)
            installed = _installed_version(directory)
            return Peers(directory, installed, seen[0] if seen else installed)
        print(f"  {requirement} did not install", flush=True)
        _make_empty(directory)
    raise InstallFailed(f"LiteLLM could not be installed; pip's reasons are in {log}")


def _make_empty(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    venv.create(directory, with_pip=True, symlinks=True)


def _published(directory: Path, log: Path) -> list[str]:
    """Released versions, newest first, as pip lists them; empty when it cannot."""
    command = [str(directory / "bin" / "python"), "-m", "pip", "index", "versions", "litellm"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    with log.open("a") as out:
        out.write(answer.stdout + answer.stderr)
    found = re.search(r"Available versions: (.*)", answer.stdout)
    return found[1].replace(" ", "").split(",") if found else []


def _older_lines(versions: list[str]) -> list[str]:
    """The newest patch of each of the next older release lines: 1.108.10, 1.107.3, ..."""
    newest: dict[str, str] = {}
    for version in versions:
        newest.setdefault(version.rpartition(".")[0], version)
    return list(newest.values())[1 : _FALLBACKS + 1]


def _pip(directory: Path, arguments: list[str], log: Path) -> bool:
    """Run the environment's pip, its words into the log, with a line of progress now and then."""
    command = [str(directory / "bin" / "python"), "-m", "pip", "--no-input", *arguments]
    with log.open("a") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    started = time.monotonic()
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(_PROGRESS_SECONDS) == 0
            last = [
                line for line in log.read_text().splitlines() if line.startswith(("Coll", "Inst", "  Down"))
            ]
            print(
                f"  {time.monotonic() - started:.0f} s: {last[-1].strip()[:80] if last else '...'}",
                flush=True,
            )
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(10)


def _compile(directory: Path) -> None:
    """Compile every module, so that no first request pays for it. Templates may not compile."""
    command = [str(directory / "bin" / "python"), "-m", "compileall", "-q", str(directory / "lib")]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)


def _installed_version(directory: Path) -> str:
    code = "import importlib.metadata as metadata; print(metadata.version('litellm'))"
    answer = subprocess.run(
        [str(directory / "bin" / "python"), "-c", code], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()
