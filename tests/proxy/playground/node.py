"""Node.js, which runs the pages' scripts and the JavaScript snippets."""

import os
import shutil

import pytest


def node() -> str:
    """Its path; without one the test is skipped, or fails where Node.js is required."""
    found = shutil.which("node") or shutil.which("nodejs")
    if found:
        return found
    reason = "no Node.js on this machine: apt-get install nodejs"
    if os.environ.get("REQUIRE_NODE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
