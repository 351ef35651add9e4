"""The month pack: everything about a closed month, the same bytes each time."""

import csv
import hashlib
import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from catalog.models import ApiKey, LanguageModel
from metering.models import Closing, CostEntry
from metering.spend.months import pack as closing_pack
from tests import factories
from tests.metering.closing.conftest import OCTOBER, Books, close


def packed(closing: Closing) -> bytes:
    out = io.BytesIO()
    closing_pack.build(closing, out)
    return out.getvalue()


def files(pack: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        return {name.removeprefix("2026-10/"): archive.read(name) for name in archive.namelist()}


def test_it_has_the_statements_the_entries_the_totals_and_their_checksums(books: Books) -> None:
    found = files(packed(close()))

    assert list(found) == [
        "README.txt",
        "closing.json",
        "totals.csv",
        "lines.csv",
        "statements/2026-10-ads-1.html",
        "statements/2026-10-ads-1.pdf",
        "statements/2026-10-search-1.html",
        "statements/2026-10-search-1.pdf",
        "entries.csv",
        "focus-1.2.csv",
        "reconciliation.csv",
        "SHA256SUMS",
    ]
    listed = dict(reversed(line.split("  ")) for line in found.pop("SHA256SUMS").decode().splitlines())
    told = found["README.txt"].decode()
    assert all(name.partition("/")[0] in told for name in found if name != "README.txt")
    assert listed == {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


def test_every_file_adds_up_to_the_close(books: Books) -> None:
    closing = close()
    found = files(packed(closing))

    def column(name: str, column: str, **only: str) -> Decimal:
        rows = csv.DictReader(io.StringIO(found[name].decode()))
        wanted = [row for row in rows if all(row[key] == value for key, value in only.items())]
        return sum((Decimal(row[column] or 0) for row in wanted), Decimal(0))

    assert column("entries.csv", "cost") == closing.amount == Decimal("3.515285")
    assert column("lines.csv", "cost_usd") == closing.amount
    assert column("totals.csv", "cost_usd", row="total") == closing.amount
    assert column("totals.csv", "cost_usd", row="cost_center") == closing.amount
    assert column("focus-1.2.csv", "EffectiveCost") == closing.amount
    assert json.loads(found["closing.json"])["head"] == closing.head


def test_a_closed_month_gives_the_same_bytes_whatever_happens_afterwards(books: Books) -> None:
    closing = close()
    before = packed(closing)
    books.entry(books.ads)
    ApiKey.objects.update(name="renamed")
    LanguageModel.objects.update(name="gpt-renamed")
    team = books.search.team
    team.name, team.title, team.cost_center, team.enabled = "find", "Find", "CC-9", False
    team.save()
    LanguageModel.objects.filter(pk=factories.make_model("other").pk).update(name="more")

    assert packed(closing) == before


def test_the_entries_are_those_of_the_ledger_safe_in_a_spreadsheet(books: Books) -> None:
    books.entry(books.ads, route="=HYPERLINK(1)", upstream_id="-2+3")
    found = files(packed(close()))["entries.csv"].decode()
    rows = list(csv.DictReader(io.StringIO(found)))

    assert [row["id"] for row in rows] == [
        str(pk) for pk in CostEntry.objects.order_by("id").values_list("id", flat=True)
    ]
    assert (rows[-1]["team"], rows[-1]["route"], rows[-1]["upstream_id"]) == (
        "ads",
        "'=HYPERLINK(1)",
        "'-2+3",
    )
    assert rows[-1]["cost"] == "3.5"
    assert rows[2]["cost"] == ""


def test_the_page_and_the_command_give_the_same_pack(books: Books, client: Client, tmp_path: Path) -> None:
    close()
    client.force_login(factories.make_user("fin", role="Finance"))
    sent = client.get("/spend/months/2026-10/pack.zip")
    call_command("month_pack", "2026-10", output=str(tmp_path / "pack.zip"), verbosity=0)

    assert sent["Content-Disposition"] == 'attachment; filename="tallygate-2026-10-v1.zip"'
    assert sent.getvalue() == (tmp_path / "pack.zip").read_bytes()


def test_there_is_no_pack_of_a_month_that_is_not_closed(books: Books, client: Client) -> None:
    client.force_login(factories.make_user("fin", role="Finance"))
    assert client.get(f"/spend/months/{OCTOBER:%Y-%m}/pack.zip").status_code == 404
    with pytest.raises(CommandError, match="2026-10 is not closed"):
        call_command("month_pack", "2026-10")
