"""A declared configuration (TOML): reading it, and making the catalog agree with it.

``read`` checks the words; ``apply`` compares with the database and writes what differs, section by section.
What the file does not mention stays as it is: nothing is deleted. The caller opens the transaction, and rolls
it back for a dry run or when DeclarationError is raised, so bad input changes nothing.
"""

import datetime as dt
from collections.abc import Iterator

from catalog.declaration import models, providers, routes, teams
from catalog.declaration.changes import Change
from catalog.declaration.lines import Path
from catalog.declaration.models import find as find_model
from catalog.declaration.schema import Declaration, DeclarationError, Money, Table, read
from catalog.declaration.teams import find_key

__all__ = [
    "Change",
    "Declaration",
    "DeclarationError",
    "Money",
    "Path",
    "Table",
    "apply",
    "find_key",
    "find_model",
    "read",
]


def apply(declaration: Declaration, *, at: dt.datetime) -> Iterator[Change]:
    """Make the catalog agree with ``declaration``, telling each change. Raises DeclarationError."""
    yield from providers.apply(declaration)
    yield from models.apply(declaration, at=at)
    yield from routes.apply(declaration)
    yield from teams.apply(declaration)
