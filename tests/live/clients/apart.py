"""Suites that run in the clients' environment (``make clients``) and what came of each of their tests."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.live.house import ROOT

SUITES = Path(__file__).parent / "suites"
PYTHON = ROOT / ".venv" / "clients" / "bin" / "python"
MAKE = "no environment for the clients on this machine: make clients"
LONGEST = 240.0  # seconds


@dataclass
class Results:
    """The outcomes of the tests of one class: names, and what was said of those that did not pass."""

    passed: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Fail with what failed there."""
        if self.failed:
            texts = [f"{name}\n{text}" for name, text in self.failed.items()]
            pytest.fail("\n\n".join(texts), pytrace=False)


def run_suite(name: str, *, env: Mapping[str, str], report: Path) -> dict[str, Results]:
    """Run ``suites/NAME.py`` with pytest; gives the results by class. Skips without the environment."""
    _require_environment()
    options = ["-q", "--tb=native", f"--junit-xml={report}", f"--confcutdir={SUITES}", f"--rootdir={SUITES}"]
    done = subprocess.run(
        [PYTHON, "-m", "pytest", *options, "-c", SUITES / "pytest.ini", SUITES / f"{name}.py"],
        cwd=report.parent,
        env={"PATH": os.environ["PATH"], "HOME": str(report.parent), **env},
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr  # more: it could not run
    return read_report(report)


def _require_environment() -> None:
    if PYTHON.exists():
        return
    if os.environ.get("REQUIRE_CLIENTS") == "1":
        pytest.fail(MAKE)
    pytest.skip(MAKE)


def read_report(report: Path) -> dict[str, Results]:
    """pytest's JUnit report by class."""
    classes: dict[str, Results] = {}
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 our own subprocess wrote it
        results = classes.setdefault(case.attrib["classname"].rpartition(".")[2], Results())
        _note(results, case)
    return classes


def _note(results: Results, case: ElementTree.Element) -> None:
    name = case.attrib["name"]
    texts = dict(_texts(case))
    if "skipped" in texts:
        results.skipped[name] = texts["skipped"]
    elif texts:
        results.failed[name] = "\n".join(texts.values())
    else:
        results.passed.add(name)


def _texts(case: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for outcome in ("skipped", "failure", "error"):
        for element in case.iter(outcome):
            yield outcome, element.text or ""
