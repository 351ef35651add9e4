"""Every list of the admin, with a row of each: at 1,280 pixels and on a phone no page scrolls sideways."""

from collections.abc import Callable

import pytest
from django.contrib import admin
from django.urls import reverse

from tests.browser.conftest import Site, Visit
from tests.catalog.admin_objects import one_of_each

pytestmark = [pytest.mark.browser, pytest.mark.django_db]
Open = Callable[..., Visit]

WIDER = "(() => { const list = document.querySelector('#result_list'); return !list ? null : "
LIST = f"{WIDER}list.scrollWidth - document.querySelector('.results').clientWidth }})()"
PAGE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def lists(site: Site) -> list[str]:
    one_of_each()
    names = (f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry)
    return [reverse(f"admin:{name}_changelist") for name in names]


def test_lists_fit_the_page(site: Site, lists: list[str], visit: Open) -> None:
    seen = visit(width=1280)
    too_wide, sideways = {}, {}
    for path in lists:
        seen.page.set_viewport_size({"width": 1280, "height": 900})
        seen.page.goto(f"{site.url}{path}", wait_until="domcontentloaded")
        if (more := seen.page.evaluate(LIST)) != 0:
            too_wide[path] = more
        seen.page.set_viewport_size({"width": 390, "height": 844})
        if (more := seen.page.evaluate(PAGE)) > 0:
            sideways[path] = more
    assert (too_wide, sideways) == ({}, {})
    assert seen.troubles == []
