"""What is measured: nginx itself, the bare pass-through, LiteLLM and Tallygate, each ready to be called."""

import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import calls
import peers
import processes
import upstream

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "benchmarks"
BARE_PORT, LITELLM_PORT, TALLYGATE_PORT = 18902, 18903, 18904
LITELLM_KEY = "sk-bench"  # as in litellm.yaml


class SetupFailed(Exception):
    """A subject could not be made ready; the message says which command failed and what it said."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things run and where they leave their traces."""

    directory: Path  # var/bench
    gateway_core: int
    other_core: int

    def log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that answers the two calls; ``workers`` are the processes whose CPU time is its own."""

    name: str
    title: str
    plain: calls.Call
    stream: calls.Call
    workers: Callable[[], list[int]] = field(default=list)


def direct() -> Subject:
    """The upstream without a gateway: the floor of latency."""
    return _transparent("direct", "nginx, called directly", upstream.PORT, list)


def bare(places: Places, stack: ExitStack) -> Subject:
    """``bare_passthrough.py`` under gunicorn with one uvicorn worker, in the project's own environment."""
    command = [sys.executable, "-m", "gunicorn", "--chdir", str(HERE), "bare_passthrough:app"]
    command += ["--worker-class", "uvicorn_worker.UvicornWorker", "--workers", "1", "--log-level", "warning"]
    command += ["--bind", f"127.0.0.1:{BARE_PORT}", "--backlog", "2048"]
    env = {**_clean_env(), "BENCH_UPSTREAM": f"http://127.0.0.1:{upstream.PORT}"}
    program = _start(places, stack, "bare", command, places.gateway_core, env)
    subject = _transparent("bare", "bare pass-through", BARE_PORT, lambda: processes.descendants(program.pid))
    _wait_until_ready(program, subject.plain, seconds=30)
    return subject


def litellm(places: Places, stack: ExitStack, installed: peers.Peers, *, server: str) -> Subject:
    """LiteLLM's proxy with one worker and ``litellm.yaml``; it can reach nothing but this machine."""
    config = str(HERE / "litellm.yaml")
    command = [str(installed.bin / "python"), str(installed.bin / "litellm"), "--config", config]
    command += ["--host", "127.0.0.1", "--port", str(LITELLM_PORT), "--num_workers", "1"]
    command += ["--run_granian"] if server == "granian" else []
    env = {**_clean_env(), **_litellm_env()}
    program = _start(places, stack, "litellm", command, places.gateway_core, env)
    plain, stream = _model_calls(LITELLM_PORT, LITELLM_KEY)
    _wait_until_ready(program, plain, seconds=120)
    return Subject("litellm", installed.title, plain, stream, lambda: processes.descendants(program.pid))


def tallygate(places: Places, stack: ExitStack) -> Subject:
    """Tallygate as its users start it, over an empty ledger; its worker moved to the gateway's core."""
    _remove_old_ledger(places)
    manage(places, "migrate", "--no-input")
    manage(places, "apply", str(HERE / "bench.toml"))
    key = manage(places, "create_key", "--team", "bench", "--name", "bench").strip().splitlines()[-1]
    command = [sys.executable, "manage.py", "serve", "--no-bootstrap"]
    program = _start(places, stack, "tallygate", command, places.other_core, tallygate_env(places))
    plain, stream = _model_calls(TALLYGATE_PORT, key)
    _wait_until_ready(program, plain, seconds=60)
    pinned = _workers_of(program)
    for pid in pinned:
        processes.pin(pid, places.gateway_core)

    def workers() -> list[int]:
        if _workers_of(program) != pinned:
            raise SetupFailed(f"Tallygate's worker was replaced:\n{processes.tail(program.log)}")
        return pinned

    return Subject("tallygate", "Tallygate", plain, stream, workers)


def manage(places: Places, *arguments: str, check: bool = True) -> str:
    """Run one of Tallygate's commands against the benchmark's ledger; return what it printed."""
    command = processes.pinned(places.other_core, [sys.executable, "manage.py", *arguments])
    done = subprocess.run(
        command, cwd=ROOT, env=tallygate_env(places), capture_output=True, text=True, check=False
    )
    if check and done.returncode != 0:
        raise SetupFailed(
            f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-3000:]}"
        )
    return done.stdout


def tallygate_env(places: Places) -> dict[str, str]:
    """A fresh installation's environment: no credentials, an embedded PostgreSQL of its own, one worker."""
    home = str(places.directory / "tallygate")
    return {**_clean_env(), "TALLYGATE_VAR": home, "PORT": str(TALLYGATE_PORT), "WORKERS": "1"}


def postgresql_version(places: Places) -> str:
    """The version of the server that holds the benchmark's ledger, from its data directory and program."""
    data = places.directory / "tallygate" / "postgres"
    try:
        postmaster = int((data / "postmaster.pid").read_text().split()[0])
        program = Path(f"/proc/{postmaster}/exe").resolve()
        return subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, ValueError, subprocess.CalledProcessError):
        return "unknown"


def _transparent(name: str, title: str, port: int, workers: Callable[[], list[int]]) -> Subject:
    plain = calls.Call(port, upstream.PLAIN_PATH, calls.PLAIN_BODY, "none")
    stream = calls.Call(port, upstream.STREAM_PATH, calls.STREAM_BODY, "none")
    return Subject(name, title, plain, stream, workers)


def _model_calls(port: int, key: str) -> tuple[calls.Call, calls.Call]:
    """A gateway has one address; the model in the body leads to the plain or the streaming upstream."""
    path = "/v1/chat/completions"
    return calls.Call(port, path, calls.PLAIN_BODY, key), calls.Call(port, path, calls.STREAM_BODY, key)


def _start(
    places: Places, stack: ExitStack, name: str, command: list[str], core: int, env: dict[str, str]
) -> processes.Program:
    program = processes.start(name, command, core=core, log=places.log(name), env=env, cwd=ROOT)
    stack.callback(processes.stop, program)
    port = {"bare": BARE_PORT, "litellm": LITELLM_PORT, "tallygate": TALLYGATE_PORT}[name]
    processes.wait_for_port(program, port, seconds=120)
    return program


def _wait_until_ready(program: processes.Program, call: calls.Call, *, seconds: float) -> None:
    try:
        calls.wait_until_answered(call, seconds=seconds)
    except (OSError, calls.WrongAnswer, http.client.HTTPException) as failure:
        said = processes.tail(program.log)
        raise SetupFailed(f"{program.name} did not answer as it should: {failure}\n{said}") from failure


def _workers_of(program: processes.Program) -> list[int]:
    """gunicorn's workers: the last of each line of descent, PostgreSQL's processes left out."""
    return [pid for pid in processes.leaves(program.pid) if "postgres" not in processes.command_of(pid)]


def _clean_env() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}


def _litellm_env() -> dict[str, str]:
    """Production mode, no logs, every list it would fetch read from its package; https leads nowhere."""
    local = [
        "MODEL_COST_MAP",
        "BLOG_POSTS",
        "ANTHROPIC_BETA_HEADERS",
        "AUTOROUTER_PRESETS",
        "POLICY_TEMPLATES",
    ]
    return {
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_TELEMETRY": "False",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        **{f"LITELLM_LOCAL_{name}": "True" for name in local},
    }


def _remove_old_ledger(places: Places) -> None:
    """Remove the ledger of an earlier run, and stop its server should that run have been killed."""
    data = places.directory / "tallygate" / "postgres"
    with_server = data / "postmaster.pid"
    if with_server.exists():
        pid = int(with_server.read_text().split()[0])
        if Path(f"/proc/{pid}").exists() and str(data) in processes.command_of(pid):
            os.kill(pid, signal.SIGINT)
            _wait_until_gone(pid, seconds=20)
    shutil.rmtree(data.parent, ignore_errors=True)
    data.parent.mkdir(parents=True)


def _wait_until_gone(pid: int, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.2)


def pinning(subject: Subject) -> str:
    """Where the kernel lets the subject run, all threads counted: ``2 processes on core 0``."""
    pids = subject.workers()
    cores = sorted(set().union(*(processes.cores_of(pid) for pid in pids)))
    return f"{len(pids)} process{'es' if len(pids) > 1 else ''} on core {', '.join(map(str, cores))}"
