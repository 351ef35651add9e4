"""Every check of the sections that are done has a test named after it, or a line that says why not."""

import ast
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
REASONS = FOLDER.parents[1] / "docs" / "decisions" / "0016-checks-without-a-test.md"
SECTIONS = {
    **{"A": 16, "B": 19, "C": 15, "D": 12, "E": 12, "F": 15, "G": 14},
    **{"H": 14, "I": 11, "K": 17, "L": 6},
}
CHECKS = [f"{section}{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)]


def checks_tested() -> set[str]:
    """``A1`` for a function ``test_a1_...``, wherever in the files of this folder."""
    found = set()
    for path in FOLDER.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                named = re.match(r"test_([a-z]\d+)(?:_|$)", node.name)
                found |= {named[1].upper()} if named else set()
    return found


def checks_reasoned() -> dict[str, str]:
    """``C15`` to its reason: a line ``* **C15** reason``."""
    return dict(re.findall(r"^\* \*\*([A-Z]\d+)\*\* (\S.{20,})$", REASONS.read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_has_a_test_or_a_reason(check: str) -> None:
    covered = check in checks_tested() or check in checks_reasoned()

    assert covered, f"no test_{check.lower()}_... in tests/checks, and no reason in {REASONS.name}"


def test_no_reason_is_given_for_what_is_tested_or_unknown() -> None:
    assert set(checks_reasoned()) & checks_tested() == set()
    assert set(checks_reasoned()) <= set(CHECKS)


def test_no_test_is_named_after_a_check_that_is_not() -> None:
    sections = {check for check in checks_tested() if check[0] in SECTIONS}

    assert sections <= set(CHECKS)
