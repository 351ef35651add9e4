"""Which changes are kept, and which values never are."""

from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urlsplit

from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.db.models.signals import pre_save

from catalog.audit import acting

HIDDEN = "(hidden)"
_called: dict[type[Model], Callable[[str], str]] = {}


def track(
    model: type[Model],
    *,
    secret: Collection[str] = (),
    left_out: Collection[str] = (),
    many: Collection[str] = (),
    masked_by: str = "catalog.audit.tracking.masked",
    called: Callable[[str], str] | None = None,
) -> None:
    """Keep every change of ``model``.

    ``secret`` fields: that they changed, never what they are (``masked_by`` is the dotted name of what takes
    the value's place); ``left_out``: nothing of them; ``many``: many-to-many fields; ``called``: what a row
    is called in the trail, where its own name is a secret.
    """
    names = [field.name for field in model._meta.concrete_fields if field.name not in {"id", *left_out}]
    auditlog.register(
        model,
        include_fields=names,
        mask_fields=list(secret),
        mask_callable=masked_by,
        m2m_fields=set(many),
    )
    if called is not None:
        _called[model] = called


def masked(value: str) -> str:
    """Whether there is one, at most."""
    return "" if value in ("", "None") else HIDDEN


def host(url: str) -> str:
    """``hooks.example ...``: whoever has a webhook's whole address can post to it."""
    return f"{urlsplit(url).hostname} ..." if url not in ("", "None") else ""


def noted(row: Model, changes: dict[str, tuple[Any, Any]]) -> None:
    """What became of a row behind Django's signals (``QuerySet.update``): field to old and new value."""
    kept = {name: [_plain(old), _plain(new)] for name, (old, new) in changes.items()}
    LogEntry.objects.log_create(row, action=LogEntry.Action.UPDATE, changes=kept)


def noted_many(model: type[Model], *, what: str, changes: dict[str, str]) -> None:
    """Many rows made or changed at once, in one entry: ``what`` says which ("312 models of genai-prices"),
    ``changes`` what was done to them: field to new value, or ``made`` to where they are from."""
    LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(model),
        object_pk="",
        object_repr=what,
        action=LogEntry.Action.CREATE if "made" in changes else LogEntry.Action.UPDATE,
        changes={name: [None, value] for name, value in changes.items()},
    )


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | str | list) else str(value)


def _sign(sender: type[LogEntry], instance: Any, **_: Any) -> None:
    """Before an entry is written: who and why. A person's name stays when the person goes."""
    if not instance._state.adding:
        return
    instance.actor = acting.person()
    instance.additional_data = {"by": acting.name()} | ({"why": why} if (why := acting.why()) else {})
    model = instance.content_type.model_class()
    if model in _called:
        instance.object_repr = _called[model](instance.object_repr)


pre_save.connect(_sign, sender=LogEntry, dispatch_uid="audit trail: who and why")
