"""What of the vendors needs attention: credentials they refuse, breakers that are open."""

import datetime as dt
from collections.abc import Iterable

from django.contrib.auth.models import AbstractUser
from django.db.models import Q
from django.urls import reverse

from catalog import attention
from catalog.attention import Concern, Link, listed, things
from proxy.models import Breaker, CredentialState


@attention.register
def broken_credentials(person: AbstractUser, at: dt.datetime) -> Iterable[Concern]:
    """Refused, or without money: they stay so until somebody does something."""
    if not person.has_perm("proxy.view_credentialstate"):
        return
    loud = [CredentialState.Reason.REJECTED, CredentialState.Reason.NO_FUNDS]
    broken = CredentialState.objects.filter(reason__in=loud, until__gt=at)
    found = list(broken.select_related("provider", "credential", "model").order_by("provider__name", "pk"))
    if found:
        said = listed(f"{_which(state)}: {state.get_reason_display().lower()}" for state in found)
        page = reverse("admin:proxy_credentialstate_changelist")
        yield Concern(
            "credentials",
            len(found),
            f"{things(len(found), 'credential')} broken: {said}.",
            (Link("Credentials that rest", page),),
            urgent=True,
        )


@attention.register
def open_breakers(person: AbstractUser, at: dt.datetime) -> Iterable[Concern]:
    """Open by themselves, or held open by somebody."""
    if not person.has_perm("proxy.view_breaker"):
        return
    not_closed = ~Q(state=Breaker.State.CLOSED) | Q(forced=Breaker.Forced.OPEN)
    found = list(
        Breaker.objects.filter(not_closed)
        .exclude(forced=Breaker.Forced.CLOSED)
        .select_related("provider", "model__provider")
    )
    if found:
        is_one = len(found) == 1
        said = listed(f"{breaker}{' (held)' if breaker.forced else ''}" for breaker in found)
        yield Concern(
            "breakers",
            len(found),
            f"{things(len(found), 'breaker')} {'is' if is_one else 'are'} open, so no calls go to {said}.",
            (Link("Breakers", reverse("admin:proxy_breaker_changelist")),),
            urgent=True,
        )


def _which(state: CredentialState) -> str:
    name = state.credential.name if state.credential else "default"
    return f"{state.provider.name} {name}{f' for {state.model.name}' if state.model else ''}"
