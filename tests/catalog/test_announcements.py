"""Every change of the catalog is announced to the workers when it is committed."""

import importlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import connection

pytestmark = pytest.mark.django_db

TABLES = (
    *importlib.import_module("catalog.migrations.0002_rules").TABLES,
    "catalog_credential",
    "catalog_formersecret",
)
STATEMENTS = {
    "insert": "INSERT INTO {table} SELECT * FROM {table} WHERE false",
    "update": "UPDATE {table} SET id = id WHERE false",
    "delete": "DELETE FROM {table} WHERE false",
}


@pytest.fixture
def listener() -> Iterator["psycopg.Connection[Any]"]:
    with connect() as listening:
        listening.execute("LISTEN tallygate_configuration")
        yield listening


def connect() -> "psycopg.Connection[Any]":
    parameters = connection.get_connection_params()
    known = {
        key: parameters[key] for key in ("dbname", "user", "password", "host", "port") if key in parameters
    }
    return psycopg.connect(**known, autocommit=True)


def heard(listening: "psycopg.Connection[Any]") -> list[str]:
    return [notice.payload for notice in listening.notifies(timeout=0.2)]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_committed_statement_names_its_table(
    listener: "psycopg.Connection[Any]", table: str, statement: str
) -> None:
    with connect() as writer:
        writer.execute(STATEMENTS[statement].format(table=table))

    assert heard(listener) == [table]


def test_what_is_rolled_back_is_not_announced(listener: "psycopg.Connection[Any]") -> None:
    with connect() as writer, writer.transaction(force_rollback=True):
        writer.execute(STATEMENTS["update"].format(table="catalog_team"))

    assert heard(listener) == []


def test_every_table_of_the_catalog_that_a_call_depends_on_is_covered() -> None:
    silent = {"catalog_priceproposal", "catalog_pricefeed", "catalog_keyevent"}  # price and open nothing
    tables = {model._meta.db_table for model in apps.get_app_config("catalog").get_models()}

    assert tables - silent == set(TABLES)
