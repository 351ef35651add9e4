"""The admin shows months, closings, waivers and reopenings to whoever sees every team, and writes none."""

import pytest
from django.db.models import Model
from django.test import Client

from metering.closing import reopening
from metering.models import BillingPeriod, Closing, ClosingWaiver, Reopening
from tests import factories
from tests.metering.closing.conftest import LATER, OCTOBER, Books, close


@pytest.mark.parametrize("model", [BillingPeriod, Closing, ClosingWaiver, Reopening])
def test_they_are_read_and_never_written(books: Books, client: Client, model: type[Model]) -> None:
    close()
    reopening.ask(month=OCTOBER, reason="late invoice", by=books.ann, at=LATER)
    row = model._default_manager.latest("pk")
    listed = f"/admin/metering/{model._meta.model_name}/"
    pages = {"": 200, f"{row.pk}/change/": 200, "add/": 403, f"{row.pk}/delete/": 403}

    client.force_login(factories.make_user("root", is_superuser=True))
    assert {page: client.get(f"{listed}{page}").status_code for page in pages} == pages
    assert client.post(f"{listed}{row.pk}/change/", {}).status_code == 403
    client.force_login(factories.make_user("lea", role="Team lead"))
    assert {client.get(f"{listed}{page}").status_code for page in pages} == {403}
