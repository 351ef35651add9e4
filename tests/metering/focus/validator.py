"""The FOCUS validator in its own environment, run without network on a file; what it found.

Traps of version 2.2.1: it opens a file of its own relative to the working directory, so it runs in its
site-packages; and it ends with 0 whatever it finds, so its report is read.
"""

import os
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings

ENVIRONMENT = Path(settings.BASE_DIR) / ".venv" / "focus"
# What our files claim to have. Commitments, invoices, zones, virtual currencies are not among it.
CRITERIA = (
    "ACCOUNT_NAMING_SUPPORTED",
    "NEGOTIATED_PRICING_SUPPORTED",
    "PUBLIC_PRICE_LIST_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED",
    "UNIT_PRICING_SUPPORTED",
    "SUB_ACCOUNT_SUPPORTED",
    "TAGGING_SUPPORTED",
    "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
)
needs_validator = pytest.mark.skipif(
    not (ENVIRONMENT / "installed").exists() and not os.environ.get("REQUIRE_FOCUS"),
    reason="the FOCUS validator is not installed: make focus-validator",
)


class Verdict(NamedTuple):
    passed: int
    skipped: int
    failed: dict[str, str]  # rule to what it says


def validated(file: Path, report: Path) -> Verdict:
    """``file`` against FOCUS 1.2, by the rules that come with the validator."""
    if not (ENVIRONMENT / "installed").exists():
        pytest.fail("the FOCUS validator is not installed: make focus-validator")
    packages = next((ENVIRONMENT / "lib").glob("python3.*")) / "site-packages"
    command = [
        *(str(ENVIRONMENT / "bin" / "focus-validator"), "--data-file", str(file)),
        *("--validate-version", "1.2", "--focus-dataset", "CostAndUsage", "--block-download"),
        *("--applicability-criteria", ",".join(CRITERIA)),
        *("--output-type", "unittest", "--output-destination", str(report)),
    ]
    ran = subprocess.run(command, cwd=packages, capture_output=True, text=True, timeout=120, check=False)
    assert report.exists(), ran.stdout + ran.stderr
    return _verdict(ElementTree.parse(report).getroot())  # noqa: S314 - we had it written


def _verdict(report: ElementTree.Element) -> Verdict:
    cases = list(report.iter("testcase"))
    failed = {
        str(case.get("name")).partition(" ")[0]: str(failure.get("message"))
        for case in cases
        if (failure := case.find("failure")) is not None
    }
    skipped = sum(case.find("skipped") is not None for case in cases)
    return Verdict(len(cases) - skipped - len(failed), skipped, failed)
