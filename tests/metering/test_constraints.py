"""Every constraint of metering's tables, by name: a row that passes and a row that raises."""

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from tests.metering import constraint_cases
from tests.metering.house import House

pytestmark = pytest.mark.django_db

CASES = constraint_cases.gathered()


@pytest.mark.parametrize("name", CASES)
def test_what_it_allows(house: House, name: str) -> None:
    CASES[name][0](house)


@pytest.mark.parametrize("name", CASES)
def test_what_it_refuses(house: House, name: str) -> None:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        CASES[name][1](house)

    assert refusal.value.__cause__.diag.constraint_name == name  # type: ignore[union-attr]


def test_no_constraint_is_untested() -> None:
    declared = {
        constraint.name
        for model in apps.get_app_config("metering").get_models()
        for constraint in model._meta.constraints
    }

    assert declared == set(CASES)
