"""Entries of the audit trail as people read them."""

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from auditlog.models import LogEntry
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model

from catalog import rates

MAY_READ = "auditlog.view_logentry"
NOTHING = "(none)"
WORDS = {LogEntry.Action.CREATE: "made", LogEntry.Action.UPDATE: "changed", LogEntry.Action.DELETE: "deleted"}
SHOWN = 50  # of one object, the newest


class Changed(NamedTuple):
    """One field of an entry: what it was and became, as text."""

    field: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.field} {self.old} → {self.new}"


class Row(NamedTuple):
    """One entry."""

    at: dt.datetime
    by: str
    did: str
    changes: list[Changed]
    why: str


def may_read(person: User | AnonymousUser, row: Model) -> bool:
    """Whoever sees the whole trail, and whoever changes such rows or decides of them."""
    kind = row._meta
    own = (f"{kind.app_label}.{verb}_{kind.model_name}" for verb in ("change", "approve"))
    return any(person.has_perm(permission) for permission in (MAY_READ, *own))


def of(row: Model) -> list[Row]:
    """The newest entries of one object. One query."""
    found = LogEntry.objects.get_for_object(row).select_related("content_type").order_by("-timestamp", "-pk")
    return [entry_row(entry) for entry in found[:SHOWN]]


def entry_row(entry: Any) -> Row:
    return Row(entry.timestamp, by(entry), did(entry), changes(entry), why(entry))


def by(entry: Any) -> str:
    """A person, or a command with the user of the operating system."""
    return str((entry.additional_data or {}).get("by", "unknown"))


def why(entry: Any) -> str:
    return str((entry.additional_data or {}).get("why", ""))


def did(entry: Any) -> str:
    return WORDS.get(entry.action, "looked at")


def changes(entry: Any) -> list[Changed]:
    """By field name. Of a new row: what it was given; of a deleted one: nothing."""
    if entry.action == LogEntry.Action.DELETE:
        return []
    model = entry.content_type.model_class()
    found = [_changed(model, field, values) for field, values in sorted((entry.changes or {}).items())]
    return [change for change in found if change.old != change.new or change.old == "(hidden)"]


def _changed(model: type[Model] | None, field: str, values: Any) -> Changed:
    if isinstance(values, dict):  # many-to-many
        names = ", ".join(values.get("objects", ()))
        is_added = values.get("operation") == "add"
        label = _label(model, field)
        return Changed(label, NOTHING if is_added else names, names if is_added else NOTHING)
    old, new = values
    return Changed(_label(model, field), _text(old), _text(new))


def _label(model: type[Model] | None, field: str) -> str:
    try:
        found: Any = model._meta.get_field(field) if model is not None else None
    except FieldDoesNotExist:
        found = None
    return str(getattr(found, "verbose_name", field.replace("_", " ")))


def _text(value: Any) -> str:
    """Every digit of a figure and no more; nothing is a dash."""
    if value in (None, "", "None", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    text = str(value)
    try:
        return (rates.plain(Decimal(text)) or text) if "." in text else text
    except InvalidOperation:
        return text
