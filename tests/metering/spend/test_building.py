"""So many files are built at once in a worker; who comes then is told to come again, at once."""

import threading
from collections.abc import Iterator

import pytest
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory

from metering.focus.parquet_files import is_available
from metering.spend import building, export, workbook
from metering.spend.filters import BadFilter
from tests.metering.spend.conftest import Month
from tests.metering.spend.test_pages import text_of

NOVEMBER = "from=2026-11-01&to=2026-11-30"
XLSX = f"/spend/entries/export.xlsx?{NOVEMBER}"


@pytest.fixture
def full() -> Iterator[None]:
    """As many others build as may."""
    with building.room(), building.room():
        yield


def table() -> Iterator[tuple[export.Cell, ...]]:
    yield ("n",)
    yield (1,)


def build() -> None:
    made().getvalue()


def made(most: int = 100) -> StreamingHttpResponse:
    return workbook.response(RequestFactory().get("/"), table(), name="x.xlsx", about=[], most=most)


def test_two_at_once_and_no_third(full: None) -> None:
    with pytest.raises(building.NoRoom):
        build()


def test_there_is_room_again_when_one_is_done() -> None:
    with building.room():
        for _ in range(3):
            build()


def test_also_when_it_could_not_be_built() -> None:
    for _ in range(building.MOST + 1):
        with pytest.raises(BadFilter):
            made(most=1)
    build()


def test_a_file_is_sent_without_holding_room() -> None:
    """From disk, as slowly as the reader takes it."""
    waiting = [made() for _ in range(building.MOST + 1)]

    assert [response.getvalue()[:2] for response in waiting] == [b"PK"] * 3


def test_of_many_threads_two_build() -> None:
    """Each request has a thread of its own; a third does not wait for the first two."""
    inside, outside, go = threading.Barrier(building.MOST + 1), [], threading.Event()

    def try_it() -> None:
        try:
            with building.room():
                inside.wait(timeout=5)
                go.wait(timeout=5)
        except building.NoRoom:
            outside.append(True)

    first = [threading.Thread(target=try_it) for _ in range(building.MOST)]
    for thread in first:
        thread.start()
    inside.wait(timeout=5)
    late = [threading.Thread(target=try_it) for _ in range(3)]
    for thread in late:
        thread.start()
    for thread in late:
        thread.join(timeout=5)
    assert outside == [True] * 3
    go.set()
    for thread in first:
        thread.join(timeout=5)


@pytest.mark.parametrize(
    "url", [XLSX, f"/spend/export.xlsx?{NOVEMBER}", "/spend/reconciliation/export.xlsx?month=2026-11"]
)
def test_the_page_says_so_and_when_to_come_again(finance: Client, full: None, url: str) -> None:
    answer = finance.get(url)

    assert (answer.status_code, answer["Retry-After"]) == (503, str(building.RETRY_SECONDS))
    assert "2 XLSX or Parquet files are built at once" in text_of(answer.content.decode())


@pytest.mark.parametrize("form", ["json", "parquet"] if is_available() else ["json"])
def test_nor_is_a_focus_file_built_then(finance: Client, full: None, form: str) -> None:
    assert finance.get(f"/spend/exports/focus/?month=2026-11&format={form}").status_code == 503


def test_a_csv_needs_no_room(finance: Client, month: Month, full: None) -> None:
    answer = finance.get(XLSX.replace(".xlsx", ".csv"))

    assert answer.status_code == 200
    assert answer.getvalue().count(b"\r\n") == 5
