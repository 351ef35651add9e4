"""The pages on which people correct: asked, shown, booked on the second click."""

import re
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from metering.corrections import at_once, rerating
from metering.models import CorrectionBatch, CostEntry
from tests import factories
from tests.metering.corrections.conftest import Shop, at_right_price, book, book_unpriced, rerate, total
from tests.metering.spend.test_pages import text_of

RERATE = "/admin/metering/correctionbatch/re-rate/"
NOVEMBER = {"start": "2026-11-01", "end": "2026-11-30", "reason": "contract"}


@pytest.fixture
def root(db: None, client: Client) -> Client:
    client.force_login(factories.make_user("root", is_superuser=True))
    return client


def asked(shop: Shop, **fields: object) -> dict[str, object]:
    return NOVEMBER | {"at_prices": shop.right.pk} | fields


def shown(client: Client, form: dict[str, object]) -> tuple[str, dict[str, str]]:
    """The page that shows what would change, and the fields of its second button."""
    html = client.get(RERATE, form).content.decode()
    booking = html.rpartition('<form method="post"')[2]
    return html, dict(re.findall(r'name="([a-z_]+)" value="([^"]*)"', booking))


def test_what_would_change_is_shown_and_nothing_booked(root: Client, shop: Shop) -> None:
    book(shop)
    book(shop, shop.ads)
    book_unpriced(shop)

    html, _ = shown(root, asked(shop))

    seen = text_of(html)
    assert "search openai/gpt-4o 1 0 $7.5 $6 -$1.5" in seen
    assert "Total 2 0 $15 $12 -$3" in seen
    assert CostEntry.objects.count() == 3
    html, _ = shown(root, NOVEMBER)
    assert "Nothing." in html
    assert "1: without a price, or a rate, for what they used" in html


def test_the_second_click_books_it_and_leads_to_the_batch(root: Client, shop: Shop) -> None:
    book(shop)
    _, fields = shown(root, asked(shop))

    answer = root.post(RERATE, fields, follow=True)

    batch = CorrectionBatch.objects.get()
    assert answer.redirect_chain == [(f"/admin/metering/correctionbatch/{batch.pk}/change/", 302)]
    assert (batch.author, batch.reason, batch.amount) == ("root", "contract", Decimal("-1.5"))
    seen = text_of(answer.content.decode())
    assert "1 entries corrected; the total moves by -$1.5." in seen
    assert "By team: entries USD search 1 -$1.5" in seen
    assert "By model: entries USD openai/gpt-4o 1 -$1.5" in seen
    assert "By day: entries USD 2026-11-20 1 -$1.5" in seen


def test_what_was_shown_must_be_what_is_booked(root: Client, shop: Shop) -> None:
    book(shop)
    _, fields = shown(root, asked(shop))
    book(shop)

    answer = root.post(RERATE, fields)

    seen = text_of(answer.content.decode())
    assert "What would change has changed since you looked" in seen
    assert "Total 2 0 $15 $12 -$3" in seen
    assert not CorrectionBatch.objects.exists()


def test_the_second_click_sent_twice_books_once(root: Client, shop: Shop) -> None:
    book(shop)
    _, fields = shown(root, asked(shop))

    root.post(RERATE, fields)
    root.post(RERATE, fields)

    assert CorrectionBatch.objects.count() == 1
    assert total() == 6


def test_more_than_a_page_can_wait_for_is_a_command(
    root: Client, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(shop)
    book(shop)
    monkeypatch.setattr(at_once, "MOST", 1)

    html, _ = shown(root, asked(shop, team=shop.search.team_id, reason="it's wrong"))

    said = text_of(html).replace("&quot;", '"')
    assert (
        "manage.py rerate --from 2026-11-01 --to 2026-11-30 --team search"
        f" --at-price {shop.right.pk} --reason 'it'\"'\"'s wrong'" in said
    )
    assert "Book these corrections" not in html


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"start": "2026-12-01"}, "before they begin"),
        ({"at_prices": "987654"}, "There is no price row 987654."),
        ({"at_prices": "one"}, "Numbers of price rows, separated by commas."),
        ({"reason": ""}, "This field is required."),
    ],
)
def test_what_cannot_be_is_said(root: Client, shop: Shop, fields: dict[str, object], why: str) -> None:
    html, _ = shown(root, asked(shop, **fields))

    assert why.lower() in text_of(html).lower()


def test_a_batch_that_runs_says_how_to_resume_it(root: Client, shop: Shop) -> None:
    book(shop)
    batch = rerating.begin(scope=at_right_price(shop), reason="wrong price", author="ann")

    html = root.get(f"/admin/metering/correctionbatch/{batch.pk}/change/").content.decode()

    assert f"manage.py rerate --batch {batch.pk}" in html


def test_the_list_of_batches(
    root: Client, shop: Shop, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Session, person; count, rows, and the filter's choices of authors."""
    book(shop)
    rerate(at_right_price(shop))
    with django_assert_num_queries(6):
        seen = text_of(root.get("/admin/metering/correctionbatch/").content.decode())
    assert "priced again Done 1 -$1.5 wrong price ann" in seen
    assert "Re-rate …" in seen


class TestAdjusting:
    def url(self, entry: CostEntry) -> str:
        return f"/admin/metering/correctionbatch/adjust/{entry.pk}/"

    def test_a_credit_is_booked_and_shown_on_the_requests_page(self, root: Client, shop: Shop) -> None:
        entry = book(shop)
        assert "it costs $7.5 by the books" in text_of(root.get(self.url(entry)).content.decode())

        answer = root.post(
            self.url(entry), {"amount": "-2.5", "reason": "credit 4711", "expected": "7.5"}, follow=True
        )

        assert answer.redirect_chain == [(f"/spend/entries/{entry.request_id}/", 302)]
        seen = text_of(answer.content.decode())
        assert "by root (batch" in seen
        assert "“credit 4711”. It changes what attempt 1 cost by -$2.5 : from $7.5 to $5." in seen

    def test_a_stale_form_is_refused(self, root: Client, shop: Shop) -> None:
        entry = book(shop)
        fields = {"amount": "-2.5", "reason": "credit", "expected": "7.5"}
        root.post(self.url(entry), fields)

        answer = root.post(self.url(entry), fields)

        assert "Its cost has changed since you looked at it" in answer.content.decode()
        assert total() == 5

    def test_an_entry_that_does_not_exist(self, root: Client, shop: Shop) -> None:
        assert root.get("/admin/metering/correctionbatch/adjust/987654321/").status_code == 404


class TestWhoMay:
    def test_looking_is_not_correcting(self, shop: Shop, client: Client) -> None:
        person = factories.make_user("looker")
        person.user_permissions.add(
            *Permission.objects.filter(
                codename__in=["view_correctionbatch", "view_costentry", "view_dailyspend"]
            )
        )
        client.force_login(person)
        entry = book(shop)

        assert client.get(RERATE).status_code == 403
        assert client.post(RERATE, asked(shop)).status_code == 403
        assert client.get(f"/admin/metering/correctionbatch/adjust/{entry.pk}/").status_code == 403
        assert "Re-rate" not in client.get("/admin/metering/correctionbatch/").content.decode()
        assert "Adjust what" not in client.get(f"/spend/entries/{entry.request_id}/").content.decode()

    def test_correcting_is_one_permission(self, shop: Shop, client: Client) -> None:
        person = factories.make_user("corrector")
        kind = ContentType.objects.get_for_model(CorrectionBatch)
        right, _ = Permission.objects.get_or_create(content_type=kind, codename="correct_costentry")
        person.user_permissions.add(right)
        client.force_login(person)

        assert client.get(RERATE).status_code == 200

    def test_nobody_writes_a_batch_as_a_row(self, root: Client, shop: Shop) -> None:
        batch = rerate()

        assert root.get("/admin/metering/correctionbatch/add/").status_code == 403
        assert root.post(f"/admin/metering/correctionbatch/{batch.pk}/delete/").status_code == 403


def test_a_link_fills_the_form_in_and_asks_nothing_yet(root: Client, shop: Shop) -> None:
    book(shop)

    link = {"at_prices": str(shop.right.pk), "model": str(shop.right.model_id), "start": "2026-10-05"}
    html = root.get(RERATE, link).content.decode()

    assert f'name="at_prices" value="{shop.right.pk}"' in html
    assert f'<option value="{shop.right.model_id}" selected>' in html
    assert 'name="start" value="2026-10-05"' in html
    assert "errorlist" not in html
    assert "What would change" not in text_of(html)


def test_models_without_entries_are_not_offered(root: Client, shop: Shop) -> None:
    book(shop)
    idle = factories.make_model("never-called", provider=shop.right.model.provider)

    html = root.get(RERATE).content.decode()

    assert f'<option value="{shop.right.model_id}">' in html
    assert f'<option value="{idle.pk}">' not in html


def test_a_re_rating_of_nothing_keeps_no_batch(root: Client, shop: Shop) -> None:
    book(shop)

    answer = root.post(RERATE, NOVEMBER | {"entries": "0", "difference": "0"})

    assert answer.status_code == 200
    assert "Nothing." in answer.content.decode()
    assert not CorrectionBatch.objects.exists()
