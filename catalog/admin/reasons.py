"""A field for why on the forms of what matters: kept with the change in the audit trail."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.db.models import Model
from django.http import HttpRequest

from catalog.audit import acting

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[Any]
else:
    Base = object

FIELD = "change_reason"


def field() -> forms.CharField:
    """REASONS_REQUIRED=1 makes it one that must be filled in."""
    return forms.CharField(
        label="Why",
        required=settings.REASONS_REQUIRED,
        max_length=acting.MOST_CHARS,
        widget=forms.TextInput(attrs={"size": 60}),
        help_text="Kept with this change in the audit trail.",
    )


class SaysWhy(Base):
    """List it before what makes the form. ``reason_on_add``: also on the form of a new row."""

    reason_on_add: ClassVar[bool] = True

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Any]]:
        if self._asks_why(request, obj):
            plain = kwargs.get("form", self.form)
            kwargs["form"] = type(plain.__name__, (plain,), {FIELD: field()})
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.with_why(request, obj, super().get_fieldsets(request, obj))

    def with_why(self, request: HttpRequest, obj: Any, fieldsets: Any) -> Any:
        """For admins that have ``get_fieldsets`` of their own."""
        found = [
            (name, {**options, "fields": [one for one in options["fields"] if one != FIELD]})
            for name, options in fieldsets
        ]
        return [*found, ("Why", {"fields": [FIELD]})] if self._asks_why(request, obj) else found

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        acting.because(form.cleaned_data.get(FIELD, ""))
        return super().save_form(request, form, change)

    def _asks_why(self, request: HttpRequest, obj: Model | None) -> bool:
        if obj is None:
            return self.reason_on_add and self.has_add_permission(request)
        return self.has_change_permission(request, obj)
