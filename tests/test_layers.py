"""Imports go one way: gateway_project -> proxy -> metering -> catalog (DESIGN.md, The house)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAY_IMPORT = {
    "catalog": {"catalog"},
    "metering": {"metering", "catalog"},
    "proxy": {"proxy", "metering", "catalog"},
    "gateway_project": {"gateway_project", "proxy", "metering", "catalog"},
}
FORBIDDEN_NAMES = {"core", "common", "utils", "helpers", "services", "selectors"}


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def imported_apps(path: Path) -> set[str]:
    return {module.split(".")[0] for module in imported_modules(path)}


def modules(app: str) -> list[Path]:
    return sorted((ROOT / app).rglob("*.py"))


@pytest.mark.parametrize("app", MAY_IMPORT)
def test_an_app_imports_only_downwards(app: str) -> None:
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(app)
        for name in imported_apps(path)
        if name in MAY_IMPORT and name not in MAY_IMPORT[app]
    }
    assert wrong == set()


@pytest.mark.parametrize("app", MAY_IMPORT)
def test_no_module_is_a_drawer_for_everything(app: str) -> None:
    assert [p for p in modules(app) if FORBIDDEN_NAMES & {p.stem, p.parent.name}] == []


def test_the_sandbox_reads_the_wire_by_itself() -> None:
    """The sandbox shares no code with the adapters: a mistake in one must not be mirrored in the other."""
    wrong = [
        path
        for path in (ROOT / "proxy/sandbox").rglob("*.py")
        for module in imported_modules(path)
        if module.startswith("proxy.adapters")
    ]
    assert wrong == []


# Inside proxy: a dialect and a wire know the interchange and nothing of each other (docs/decisions/0017).
ROOMS = {
    "proxy/interchange": ("proxy.adapters", "proxy.dialects"),
    "proxy/dialects": ("proxy.adapters",),
    "proxy/adapters": ("proxy.dialects",),
}


@pytest.mark.parametrize("room", ROOMS)
def test_dialects_and_wires_meet_in_the_interchange_alone(room: str) -> None:
    wrong = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in modules(room)
        for module in imported_modules(path)
        if module.startswith(ROOMS[room])
    }
    assert wrong == set()


@pytest.mark.parametrize("room", ROOMS)
def test_translators_do_no_io_and_know_no_django(room: str) -> None:
    far = ("django", "aiohttp", "asyncio", "psycopg", "rest_framework", "socket")
    wrong = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in modules(room)
        for module in imported_modules(path)
        if module.split(".")[0] in far
    }
    assert wrong == set()


def test_adapters_can_be_imported_without_django() -> None:
    script = (
        "import sys; import proxy.adapters.registry, proxy.dialects.registry;"
        " assert not any(name.split('.')[0] == 'django' for name in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
