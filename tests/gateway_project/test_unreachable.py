"""Which of the database's errors mean that it cannot be reached."""

import psycopg
import pytest
from django.db.utils import InterfaceError, OperationalError, ProgrammingError

from gateway_project.unreachable import is_unreachable


def of_django(kind: type[Exception], cause: psycopg.Error | None) -> Exception:
    error = kind("what libpq says")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        of_django(OperationalError, psycopg.OperationalError("connection refused")),
        of_django(OperationalError, psycopg.errors.AdminShutdown()),
        of_django(OperationalError, psycopg.errors.CannotConnectNow()),
        of_django(OperationalError, psycopg.errors.TooManyConnections()),
        of_django(InterfaceError, psycopg.InterfaceError("the connection is closed")),
    ],
)
def test_no_server_that_takes_us(error: Exception) -> None:
    assert is_unreachable(error)


@pytest.mark.parametrize(
    "error",
    [
        of_django(OperationalError, psycopg.errors.QueryCanceled()),
        of_django(OperationalError, psycopg.errors.DeadlockDetected()),
        of_django(ProgrammingError, psycopg.errors.UndefinedTable()),
        ValueError("no database at all"),
        None,
    ],
)
def test_a_server_that_answers(error: Exception | None) -> None:
    assert not is_unreachable(error)
