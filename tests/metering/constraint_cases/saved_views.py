"""What people keep of the pages."""

from typing import Any

from django.contrib.auth.models import User

from metering.models import SavedView
from metering.models.views import LONGEST_QUERY
from tests.metering.constraint_cases.case import Case
from tests.metering.house import AT


def view(owner: str = "ada", **values: Any) -> SavedView:
    person, _ = User.objects.get_or_create(username=owner)
    columns = {"name": "By model", "query": "period=month&by=model", "created_at": AT, **values}
    return SavedView.objects.create(owner=person, **columns)


def both(first: str, second: str) -> None:
    view(first)
    view(second)


CASES: dict[str, Case] = {
    "saved_view_name_once_per_owner": (lambda x: both("ada", "bob"), lambda x: both("ada", "ada")),
    "saved_view_has_a_name": (lambda x: view(name="x"), lambda x: view(name="")),
    "saved_view_query_bounded": (
        lambda x: view(query="x" * LONGEST_QUERY),
        lambda x: view(query="x" * (LONGEST_QUERY + 1)),
    ),
}
