"""What people are answered is kept by no cache; static files are, as before."""

import re
from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.metering.spend.conftest import Month

NOVEMBER = "from=2026-11-01&to=2026-11-30"
ANSWERED = {
    f"/spend/?{NOVEMBER}": 200,
    "/spend/teams/search/": 200,
    f"/spend/export.csv?{NOVEMBER}": 200,
    f"/spend/export.xlsx?{NOVEMBER}": 200,
    "/spend/exports/focus/?month=2026-11&format=json": 200,
    "/spend/reliability/": 200,
    "/try/": 200,
    "/spend/entries/find/?q=nothing": 302,
    "/spend/?by=colour": 400,
    "/spend/reconciliation/": 403,
    "/spend/teams/ads/": 404,
    "/try/cost/01a1fd22-2ec4-7025-9baa-82c38324f8b4/": 404,
    "/no/such/page": 404,
}


def kept_by_nobody(answer: Any) -> bool:
    said = set(re.split(r",\s*", answer["Cache-Control"]))
    return {"no-store", "private", "max-age=0"} <= said


@pytest.mark.parametrize(("url", "status"), ANSWERED.items(), ids=list(ANSWERED))
def test_pages_files_and_refusals_alike(team_lead: Client, url: str, status: int) -> None:
    answer = team_lead.get(url)
    answer.getvalue()  # of a file: it is closed when it was read

    assert (answer.status_code, kept_by_nobody(answer)) == (status, True)


def test_also_what_sends_people_to_the_login(db: None, client: Client) -> None:
    assert [kept_by_nobody(client.get(url)) for url in ("/spend/", "/login/", "/admin/")] == [True] * 3


def test_and_the_pages_that_show_a_secret(month: Month) -> None:
    """In the admin; those of leads are in tests/metering/spend/teams."""
    client = Client()
    client.force_login(factories.make_user("root", is_superuser=True))
    form = {"team": month.search.team.pk, "name": "ci 2", "models": ""}

    answer = client.post("/admin/catalog/apikey/add/", form)

    assert "will not be shown again" in answer.content.decode()
    assert kept_by_nobody(answer)


def test_static_files_are_kept_and_asked_for_again_by_their_etag(db: None, client: Client) -> None:
    answer = client.get("/static/tallygate.css")
    assert answer["Cache-Control"] == "max-age=3600, public"
    assert b"".join(answer)  # which closes the file
    answer.close()

    again = client.get("/static/tallygate.css", headers={"if-none-match": answer["ETag"]})
    assert (again.status_code, again["Cache-Control"]) == (304, "max-age=3600, public")
