"""Raises, webhooks, and the log of what people were told of budgets."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.admin.policies import HiddenColumns, NobodyDeletes, NobodyWrites, OnlyVisibleTeams
from catalog.admin.reasons import SaysWhy
from catalog.admin.switching import Switches
from metering.admin.usage import in_unit
from metering.budgets import webhooks
from metering.models import BudgetNotice, LimitRaise, NoticeDelivery, Webhook

OF_LIMIT = ["limit__team", "limit__api_key__team", "limit__model__provider"]


@admin.register(LimitRaise)
class LimitRaiseAdmin(OnlyVisibleTeams, NobodyWrites, admin.ModelAdmin[LimitRaise]):
    """Asked for and decided on the budget's own page, which is linked."""

    team_lookup = "limit__team"
    list_display = ["limit", "amount_shown", "state", "asked_by", "asked_at", "decided_by", "page"]
    list_filter = ["state", "self_approved"]
    list_select_related = [*OF_LIMIT, "asked_by", "decided_by"]
    search_fields = ["limit__team__name", "reason", "note"]
    date_hierarchy = "asked_at"

    @admin.display(description="amount", ordering="amount")
    def amount_shown(self, limit_raise: LimitRaise) -> str:
        return f"+{in_unit(limit_raise.amount, limit_raise.limit.unit)}"

    @admin.display(description="page")
    def page(self, limit_raise: LimitRaise) -> SafeString:
        url = reverse("spend:budget", args=[limit_raise.limit_id])
        words = "Decide" if limit_raise.state == LimitRaise.State.OPEN else "Show"
        return format_html('<a href="{}#raises">{}</a>', url, words)


class WebhookForm(forms.ModelForm[Webhook]):
    class Meta:
        model = Webhook
        fields = ["url", "team", "enabled"]


@admin.register(Webhook)
class WebhookAdmin(SaysWhy, Switches, NobodyDeletes, HiddenColumns, admin.ModelAdmin[Webhook]):
    hidden_columns = frozenset({"secret_encrypted"})
    form = WebhookForm
    list_display = ["url", "team", "enabled", "created_at"]
    actions = ["disable", "enable"]
    list_filter = ["enabled"]
    list_select_related = ["team"]
    search_fields = ["url"]
    autocomplete_fields = ["team"]

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        if not change:
            secret = webhooks.new_secret()
            obj.set_secret(secret)
            request.issued_secret = secret  # type: ignore[attr-defined]  # lives as long as the request
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Webhook, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The secret, once. Not as a message: messages travel in a cookie and wait for the next page."""
        context = {
            **self.admin_site.each_context(request),
            "title": "Webhook created",
            "opts": self.opts,
            "webhook": obj,
            "header": webhooks.SIGNATURE,
            "secret": request.issued_secret,  # type: ignore[attr-defined]
        }
        answer = TemplateResponse(request, "admin/metering/webhook/issued.html", context)
        answer["Cache-Control"] = "no-store"
        return answer


class WhereTo(HiddenColumns):
    """Whoever has a webhook's whole address can post to it: most people see its host."""

    hidden_columns = frozenset({"address", "webhook"})
    readonly_fields = ("where",)

    @admin.display(description="to")
    def where(self, delivery: NoticeDelivery) -> str:
        if delivery.channel == "email":
            return delivery.address
        return f"{urlsplit(delivery.address).hostname} ..."


class Deliveries(NobodyWrites, WhereTo, admin.TabularInline[NoticeDelivery, BudgetNotice]):
    model = NoticeDelivery
    extra = 0
    fields = ["channel", "where", "state", "tries", "next_try_at", "last_answer", "delivered_at"]


@admin.register(BudgetNotice)
class BudgetNoticeAdmin(OnlyVisibleTeams, NobodyWrites, admin.ModelAdmin[BudgetNotice]):
    team_lookup = "limit__team"
    list_display = ["created_at", "limit", "kind", "threshold", "used", "ceiling", "rearmed_at"]
    list_filter = ["kind", "threshold"]
    list_select_related = OF_LIMIT
    search_fields = ["limit__team__name", "=event_id"]
    inlines = [Deliveries]


@admin.register(NoticeDelivery)
class NoticeDeliveryAdmin(OnlyVisibleTeams, NobodyWrites, WhereTo, admin.ModelAdmin[NoticeDelivery]):
    team_lookup = "notice__limit__team"
    list_display = ["notice", "channel", "where", "state", "tries", "last_answer"]
    list_filter = ["state", "channel"]
    list_select_related = [f"notice__{path}" for path in OF_LIMIT]
    search_fields = ["=notice__event_id"]
    fields = ["notice", "channel", "where", "state", "tries", "next_try_at", "last_answer", "delivered_at"]
    actions = ["send_again"]

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("metering.change_webhook")

    @admin.action(description="Send the chosen again (those that were given up)", permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[NoticeDelivery]) -> None:
        given_up = queryset.filter(state=NoticeDelivery.State.GIVEN_UP)
        sent = given_up.update(state=NoticeDelivery.State.WAITING, tries=0, next_try_at=timezone.now())
        self.message_user(request, f"{sent} will be sent within seconds.")
