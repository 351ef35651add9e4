"""manage.py close_month and verify_ledger --chain, as an operator runs them."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from metering.models import BillingPeriod, Closing, CostEntry
from tests.metering.closing.conftest import Books, close


def run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_a_month_is_closed_and_opened_again_from_the_shell(books: Books) -> None:
    said = run("close_month", "2026-10")
    assert said == (
        "2026-10 is open; days in UTC.\n"
        "in the way: 1 entry is of unknown cost, and left out of the total. (--waive unpriced)\n"
        "in the way: openai is not reconciled: not compared with the vendor's figures."
        " (--waive unreconciled --subject 'openai')\n"
    )
    run("close_month", "2026-10", "--begin")
    with pytest.raises(CommandError, match="2 things stand in the way, see above"):
        run("close_month", "2026-10", "--finish", "--by", "ann")
    because = ("--reason", "small", "--by", "ann")
    run("close_month", "2026-10", "--waive", "unreconciled", "--subject", "openai", *because)
    assert run("close_month", "2026-10", "--waive", "unpriced", *because).count("let pass: ") == 2
    with pytest.raises(CommandError, match="another person has to close the month"):
        run("close_month", "2026-10", "--finish", "--by", "ann")
    said = run("close_month", "2026-10", "--finish", "--by", "bob")
    assert "2026-10 is closed; days in UTC.\nversion 1, closed " in said
    assert "UTC by bob, days in UTC: 4 entries, 3.515285000000 USD, 1 of unknown cost" in said
    assert Closing.objects.get().head in said

    with pytest.raises(CommandError, match="--by names the person"):
        run("close_month", "2026-10", "--reopen", "--reason", "late invoice")
    assert "ann asks to open it again: late invoice" in run(
        "close_month", "2026-10", "--reopen", "--reason", "late invoice", "--by", "ann"
    )
    with pytest.raises(CommandError, match="another person has to decide"):
        run("close_month", "2026-10", "--approve", "--by", "ann")
    assert run("close_month", "2026-10", "--approve", "--by", "bob").startswith("2026-10 is open;")
    assert BillingPeriod.objects.get().status == "open"


def test_a_reopening_is_denied(books: Books) -> None:
    close()
    run("close_month", "2026-10", "--reopen", "--reason", "late invoice", "--by", "ann")
    assert "2026-10 is closed;" in run("close_month", "2026-10", "--deny", "--by", "bob")
    with pytest.raises(CommandError, match="Nobody has asked"):
        run("close_month", "2026-10", "--deny", "--by", "bob")


def test_a_close_is_withdrawn(books: Books) -> None:
    run("close_month", "2026-10", "--begin")
    assert run("close_month", "2026-10", "--withdraw").startswith("2026-10 is open;")


def test_what_is_no_month_is_told(books: Books) -> None:
    with pytest.raises(CommandError, match="write it as 2026-10"):
        run("close_month", "October")
    with pytest.raises(CommandError, match="write it as 2026-10"):
        run("verify_ledger", "--chain", "--month", "2026-13")


def test_the_chain_is_proven(books: Books) -> None:
    close()
    assert run("verify_ledger", "--chain") == (
        "4 entries, 0 windows, 0 open holds: 0 differences\n1 closed months, 4 entries: 0 differences\n"
    )
    assert (
        run("verify_ledger", "--chain", "--month", "2026-10") == "1 closed months, 4 entries: 0 differences\n"
    )


def test_the_entry_that_was_changed_is_named_and_the_command_fails(books: Books) -> None:
    close()
    entry = CostEntry.objects.latest("id")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE metering_costentry SET upstream_id = 'x' WHERE id = %s", [entry.pk])
        out = io.StringIO()
        with pytest.raises(SystemExit, match="1"):
            call_command("verify_ledger", "--chain", "--month", "2026-10", stdout=out)
        transaction.set_rollback(True)

    assert out.getvalue() == (
        f"2026-10: ads: entry {entry.pk} is not as it was closed\n1 closed months, 4 entries: 1 differences\n"
    )


def test_a_chain_is_of_a_closed_month(books: Books) -> None:
    with pytest.raises(CommandError, match="2026-10 is not closed"):
        run("verify_ledger", "--chain", "--month", "2026-10")
    with pytest.raises(CommandError, match="goes with --chain"):
        run("verify_ledger", "--month", "2026-10")
