"""Actions on many rows that show what they would do, and do it on the second click."""

from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.contrib.admin import helpers
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from catalog.admin import effects
from catalog.audit import acting

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[Any]
else:
    Base = object

CONFIRMED = "confirmed"
REASON = "reason"
SHOWN = 100  # rows whose effect is listed
MOST = 1_000  # rows at once


class Effect(NamedTuple):
    subject: str
    says: list[str]


class Confirms(Base):
    """``confirmation`` answers an action's first click with a page, and is None on the second."""

    def confirmation(
        self, request: HttpRequest, queryset: QuerySet[Any], *, action: str, question: str, button: str
    ) -> HttpResponse | None:
        """``question`` is the page's title; ``{}`` in it is how many."""
        reason = given_reason(request)
        lacks_reason = settings.REASONS_REQUIRED and not reason
        if request.POST.get(CONFIRMED) and not lacks_reason:
            acting.because(reason)
            return None
        return self._asked(request, queryset, action, question, button)

    def _asked(
        self, request: HttpRequest, queryset: QuerySet[Any], action: str, question: str, button: str
    ) -> TemplateResponse:
        rows = list(queryset[: MOST + 1])
        told = effects.told(f"{self.opts.model_name}.{action}", rows)
        shown = {
            "title": question.format(counted(len(rows), self.opts)),
            "opts": self.opts,
            "action": action,
            "button": button,
            "too_many": len(rows) > MOST,
            "most": MOST,
            "chosen": [row.pk for row in rows],
            "effects": [Effect(str(row), told.of.get(row.pk, [])) for row in rows[:SHOWN]],
            "not_shown": max(0, len(rows) - SHOWN),
            "together": told.together,
            "checkbox": helpers.ACTION_CHECKBOX_NAME,
            "reason_required": settings.REASONS_REQUIRED,
            "reason_chars": acting.MOST_CHARS,
            "lacks_reason": CONFIRMED in request.POST,
        }
        context = self.admin_site.each_context(request) | shown
        return TemplateResponse(request, "admin/confirm_action.html", context)


def given_reason(request: HttpRequest) -> str:
    """As the confirmation asked for it; without NUL, which no text in PostgreSQL has."""
    return request.POST.get(REASON, "").replace("\0", "").strip()[: acting.MOST_CHARS]


def counted(number: int, opts: Any) -> str:
    """``1 API key``, ``3 API keys``"""
    return f"{number:,} {opts.verbose_name if number == 1 else opts.verbose_name_plural}"
