"""Exports from the admin (django-import-export): exact decimals, no formulas, only for those who may look."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from import_export import fields, resources
from import_export.admin import ExportMixin
from import_export.formats import base_formats

from catalog import spreadsheets


def cell(value: Any) -> str:
    """A value as a spreadsheet may have it: unknown is empty, no exponents, text never starts a formula."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, int | dt.date):
        return str(value)
    return spreadsheets.escaped(str(value))


class Worked(fields.Field):  # type: ignore[misc]
    """A column that a function of the row fills."""

    def __init__(self, column_name: str, of: Callable[[Any], Any]) -> None:
        super().__init__(column_name=column_name)
        self._of = of

    def get_value(self, instance: Any) -> Any:
        return self._of(instance)


class ExactResource(resources.ModelResource):  # type: ignore[misc]
    """Writes every value with ``cell``; names of related rows are columns such as ``team__name``."""

    def export_field(self, field: Any, instance: Any, **kwargs: Any) -> str:
        return cell(field.get_value(instance))


class CsvExport(ExportMixin):  # type: ignore[misc]
    """An Export button for whoever may view the rows; the library's own default lets any staff member in."""

    formats = [base_formats.CSV]
    export_most = 100_000  # rows; the library builds a file in memory, /spend/entries/export.csv streams

    def has_export_permission(self, request: HttpRequest) -> bool:
        allowed: bool = self.has_view_permission(request)
        return allowed

    def get_export_queryset(self, request: HttpRequest) -> Any:
        return super().get_export_queryset(request)[: self.export_most]
