"""Breakers in the admin: held by hand with a reason, and events that only grow."""

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import formats, timezone
from structlog.testing import capture_logs

from proxy.models import Breaker, BreakerEvent
from tests import factories as f
from tests.metering.spend.test_pages import text_of

pytestmark = pytest.mark.django_db
CHANGELIST = reverse("admin:proxy_breaker_changelist")
ADD = reverse("admin:proxy_breaker_add")


def somebody(client: Client, role: str = "Platform admin") -> Client:
    client.force_login(f.make_user("grace", role=role))
    return client


def make_breaker(**fields: object) -> Breaker:
    model = f.make_model()
    return Breaker.objects.create(provider=model.provider, model=model, changed_at=f.AT, **fields)


def act(client: Client, action: str, *breakers: Breaker, note: str = "maintenance") -> str:
    chosen = [str(breaker.pk) for breaker in breakers]
    form = {"action": action, "_selected_action": chosen, "note": note}
    return client.post(CHANGELIST, form, follow=True).content.decode()


@pytest.mark.parametrize(
    ("action", "start", "state", "forced"),
    [
        ("hold_open", {}, "closed", "open"),
        ("hold_closed", {"state": "open", "opened_at": f.AT}, "open", "closed"),
        ("let_go", {"forced": "closed"}, "closed", ""),
    ],
)
def test_a_breaker_is_held_and_let_go_with_a_note(
    client: Client, action: str, start: dict[str, object], state: str, forced: str
) -> None:
    breaker = make_breaker(**start)

    page = act(somebody(client), action, breaker)

    assert "1 changed. All workers obey within a second." in page
    breaker.refresh_from_db()
    event = BreakerEvent.objects.get()
    assert (breaker.forced, breaker.note, breaker.version) == (forced, "maintenance", 1)
    assert (event.was, event.now, event.reason) == (state, forced or state, "manual")
    assert (event.by.username, event.note) == ("grace", "maintenance")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("action", "event", "held"),
    [
        ("hold_open", "breaker_held", "open"),
        ("hold_closed", "breaker_held", "closed"),
        ("let_go", "breaker_let_go", ""),
    ],
)
def test_what_a_person_does_is_in_the_log(client: Client, action: str, event: str, held: str) -> None:
    breaker = make_breaker()

    with capture_logs() as lines:
        act(somebody(client), action, breaker)

    assert [line for line in lines if line["event"].startswith("breaker_")] == [
        {
            "event": event,
            "log_level": "warning",
            "provider": "openai",
            "model": "gpt-4o",
            "held": held,
            "by": "grace",
            "note": "maintenance",
        }
    ]


def test_a_note_is_shown_while_it_holds_and_not_at_the_next_trouble(client: Client) -> None:
    breaker = make_breaker()
    somebody(client)

    assert ">maintenance</td>" in act(client, "hold_open", breaker)
    assert ">maintenance</td>" not in act(client, "let_go", breaker)
    form = client.get(reverse("admin:proxy_breaker_change", args=[breaker.pk])).content.decode()
    assert 'value="maintenance"' not in form


def test_it_is_open_since_its_first_opening_whatever_probes_failed_since(client: Client) -> None:
    breaker = make_breaker(state="open", opened_at=f.AT + dt.timedelta(seconds=60))
    for seconds, was in ((0, "closed"), (30, "half_open"), (60, "half_open")):
        at = f.AT + dt.timedelta(seconds=seconds)
        reason = "probe_failed" if seconds else "consecutive_failures"
        BreakerEvent.objects.create(breaker=breaker, at=at, was=was, now="open", reason=reason)
    somebody(client)

    url = reverse("admin:proxy_breaker_change", args=[breaker.pk])
    shown = text_of(client.get(url).content.decode())

    first, last = (f.AT + dt.timedelta(seconds=seconds) for seconds in (0, 60))
    assert f"Open since: {formats.localize(timezone.localtime(first))}" in shown
    assert f"Last probe: {formats.localize(timezone.localtime(last))}" in shown
    assert client.get(CHANGELIST).status_code == 200


def test_without_a_note_nothing_happens(client: Client) -> None:
    breaker = make_breaker()

    page = act(somebody(client), "hold_open", breaker, note=" ")

    assert "Say why in the note" in page
    breaker.refresh_from_db()
    assert (breaker.forced, BreakerEvent.objects.count()) == ("", 0)


def test_one_that_never_had_trouble_can_be_held_too(client: Client) -> None:
    provider = f.make_provider()

    somebody(client).post(ADD, {"provider": provider.pk, "model": "", "forced": "open", "note": "moving"})

    breaker = Breaker.objects.get()
    assert (breaker.provider, breaker.model, breaker.state, breaker.forced) == (
        provider,
        None,
        "open",
        "open",
    )
    assert breaker.opened_at is not None
    assert BreakerEvent.objects.get().note == "moving"


def test_a_model_of_another_provider_is_refused(client: Client) -> None:
    provider, model = f.make_provider("anthropic", kind="anthropic"), f.make_model()

    page = somebody(client).post(
        ADD, {"provider": provider.pk, "model": model.pk, "forced": "open", "note": "x"}
    )

    assert "does not sell this model" in page.content.decode()
    assert Breaker.objects.count() == 0


def test_the_form_of_one_holds_it_and_shows_how_it_stands(client: Client) -> None:
    breaker = make_breaker(counts={"slices": [{"start": 1.0, "calls": 10, "failures": 4}]})
    url = reverse("admin:proxy_breaker_change", args=[breaker.pk])

    assert "4 of 10" in somebody(client).get(url).content.decode()
    client.post(url, {"forced": "closed", "note": "they say it is fixed"})

    breaker.refresh_from_db()
    assert (breaker.forced, breaker.state) == ("closed", "closed")


@pytest.mark.parametrize("role", ["Finance", "Catalog admin"])
def test_others_look_and_touch_nothing(client: Client, role: str) -> None:
    breaker = make_breaker()
    somebody(client, role)

    assert client.get(CHANGELIST).status_code == 200
    assert client.get(ADD).status_code == 403
    act(client, "hold_open", breaker)
    client.post(reverse("admin:proxy_breaker_change", args=[breaker.pk]), {"forced": "open", "note": "x"})
    assert BreakerEvent.objects.count() == 0


def test_team_leads_do_not_see_them(client: Client) -> None:
    assert somebody(client, "Team lead").get(CHANGELIST).status_code == 403


def test_events_are_listed_with_their_evidence_and_cannot_be_changed(client: Client) -> None:
    act(somebody(client), "hold_open", make_breaker())
    event = BreakerEvent.objects.get()

    listed = client.get(reverse("admin:proxy_breakerevent_changelist"), {"reason": "manual"})
    shown = client.get(reverse("admin:proxy_breakerevent_change", args=[event.pk])).content.decode()

    assert "openai/gpt-4o" in listed.content.decode()
    assert "was_held" in shown
    assert 'name="_save"' not in shown
    assert client.get(reverse("admin:proxy_breakerevent_add")).status_code == 403
