"""Two people for what moves money: one asks, another decides.

Where an installation has a single admin it may let people decide what they asked for themselves
(``SELF_APPROVAL=1``); whoever keeps the decision then keeps that it was self-approved.
"""

from django.conf import settings


class NeedsAnotherPerson(Exception):
    """Whoever asked cannot decide here; the message says who can, and what a single admin does."""

    def __init__(self) -> None:
        super().__init__(
            "You asked for this yourself: another person has to decide. With a single admin, start Tallygate"
            " with SELF_APPROVAL=1; it is then recorded as self-approved."
        )


def is_self_approved(*, asked_by: object, decided_by: object) -> bool:
    """Whether one person does both, compared by equality (user ids, or names). Raises NeedsAnotherPerson."""
    if asked_by != decided_by:
        return False
    if not settings.SELF_APPROVAL:
        raise NeedsAnotherPerson
    return True
