"""A person lets credentials that rest be used again at once. All workers obey within a second.

The people's door: Django's ORM; a trigger tells the workers.
"""

from collections.abc import Iterable

import structlog
from django.contrib.auth.models import User

from proxy.models import CredentialState

log = structlog.get_logger(__name__)


def free(states: Iterable[CredentialState], *, note: str, by: User) -> None:
    """``states`` with their provider, credential and model. Who did it is a line in the log for each."""
    chosen = list(states)
    CredentialState.objects.filter(pk__in=[state.pk for state in chosen]).delete()
    for state in chosen:
        log.warning(
            "credential_freed",
            provider=state.provider.name,
            credential=state.credential.name if state.credential else "default",
            model=state.model.name if state.model else "",
            rested_for=state.reason,
            by=by.get_username(),
            note=note,
        )


__all__ = ["free"]
