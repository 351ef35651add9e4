"""What the programs that we start are told of our environment: enough to run, and none of its secrets."""

import contextlib
import os
from collections.abc import Iterator, Mapping

NEEDED = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"}
PREFIXES = ("LC_", "PYTHON", "XDG_")


def harmless(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that any program needs; a list of what may pass, for nobody can list all secrets."""
    return {name: value for name, value in environment.items() if name in NEEDED or name.startswith(PREFIXES)}


@contextlib.contextmanager
def without_secrets() -> Iterator[None]:
    """Start programs through a library that takes no ``env``: ours is put back afterwards."""
    hidden = dict(os.environ.items() - harmless(os.environ).items())
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)
