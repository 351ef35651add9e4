"""What applying a declaration changed, as lines that people read."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from catalog.declaration.lines import Path
from catalog.declaration.schema import Declaration


class Change(NamedTuple):
    """``sign`` is + for something new and ~ for something changed."""

    sign: str
    subject: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.sign} {self.subject}" + (f": {self.detail}" if self.detail else "")


def assign(instance: models.Model, values: dict[str, Any]) -> list[str]:
    """Set the values that differ; return ``field old -> new`` for each."""
    differences = []
    for name, value in values.items():
        old = getattr(instance, name)
        if old != value:
            differences.append(f"{name} {show(old)} -> {show(value)}")
            setattr(instance, name, value)
    return differences


def save(instance: models.Model, *, declaration: Declaration, path: Path) -> None:
    """Save, or say at which line what the database refuses."""
    try:
        with transaction.atomic():
            instance.clean_fields(exclude=["capabilities", "models"])
            instance.save()
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise declaration.error((*path, name), f"{name}: {messages[0]}") from error
    except IntegrityError as error:
        diagnostics = getattr(error.__cause__, "diag", None)
        rule = getattr(diagnostics, "constraint_name", None) or "a rule of the database"
        raise declaration.error(path, f"refused by {rule}") from error


def show(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(show(item) for item in value) + "]"
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if value is None or value == "":
        return "(none)"
    return str(value)


def summary(values: Iterable[tuple[str, Any]]) -> str:
    """``name value, ...`` of the values that are set."""
    return ", ".join(f"{name} {show(value)}" for name, value in values if value not in (None, ""))
