"""Reads that may have to look through much of the ledger get so much time and no more."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import OperationalError, connection, transaction

MOST_MS = 2_000
# For a page of many that match: read in order, rather than gathered and sorted.
SORTING = ("enable_sort",)


class TooBroad(Exception):
    """What is asked for is not found in this time: too few of too many rows match."""


@contextmanager
def bounded(*avoided: str, milliseconds: int = MOST_MS) -> Iterator[None]:
    """Each statement inside may take so long. Raises TooBroad.

    ``avoided``: ways of PostgreSQL that are too slow for what is known of the rows here (SORTING).
    """
    settings = {"statement_timeout": str(milliseconds)} | dict.fromkeys(avoided, "off")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            for name, value in settings.items():
                cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise TooBroad from error
        raise


__all__ = ["SORTING", "TooBroad", "bounded"]
