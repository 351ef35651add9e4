"""The audit trail in the admin: searched by object, person and day, exported, and changed by nobody."""

from typing import Any

import auditlog.admin  # noqa: F401 - registers its own page, which this one takes the place of
from auditlog.models import LogEntry
from django.apps import apps
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from import_export import fields

from catalog import audited
from catalog.admin.exports import CsvExport, ExactResource, Worked
from catalog.admin.policies import NobodyWrites
from catalog.audit import reading

audited.register()
apps.get_app_config("auditlog").verbose_name = "Audit trail"
admin.site.unregister(LogEntry)

MOST_SHOWN = 3  # changes of one entry in the list


class TrailResource(ExactResource):
    """An entry is a line; what changed is text: ``field old → new``, one a line of the cell."""

    at = fields.Field(attribute="timestamp", column_name="at")
    by = Worked("by", reading.by)
    did = Worked("did", reading.did)
    kind = fields.Field(attribute="content_type__model", column_name="kind")
    number = fields.Field(attribute="object_pk", column_name="id")
    called = fields.Field(attribute="object_repr", column_name="object")
    changes = Worked("changes", lambda entry: "\n".join(map(str, reading.changes(entry))))
    why = Worked("why", reading.why)

    class Meta:
        model = LogEntry
        fields = ["at", "by", "did", "kind", "number", "called", "changes", "why"]
        export_order = fields


class KindFilter(admin.SimpleListFilter):
    """What was changed: only the kinds that the trail keeps."""

    title = "object"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        from auditlog.registry import auditlog as tracked

        kinds = ContentType.objects.get_for_models(*tracked.get_models())
        named = [(str(kind.pk), str(model._meta.verbose_name)) for model, kind in kinds.items()]
        return sorted(named, key=lambda one: one[1].lower())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        return queryset.filter(content_type=value) if value.isdigit() and len(value) < 10 else queryset


@admin.register(LogEntry)
class AuditTrailAdmin(CsvExport, NobodyWrites, admin.ModelAdmin[LogEntry]):
    resource_classes = [TrailResource]
    list_display = ["at", "by", "did", "kind", "what", "changed", "why"]
    list_filter = [KindFilter, "action"]
    list_select_related = ["content_type", "actor"]
    search_fields = ["object_repr", "additional_data__by", "additional_data__why"]
    search_help_text = "An object, a person or a command, or words of a reason."
    date_hierarchy = "timestamp"
    ordering = ["-timestamp", "-id"]
    list_per_page = 50
    show_full_result_count = False
    actions = None
    fields = ["at", "by", "did", "kind", "what", "all_changes", "why"]
    readonly_fields = ["at", "by", "did", "kind", "what", "all_changes", "why"]

    @admin.display(description="when", ordering="timestamp")
    def at(self, entry: Any) -> Any:
        return entry.timestamp

    @admin.display(description="who")
    def by(self, entry: Any) -> str:
        return reading.by(entry)

    @admin.display(description="did", ordering="action")
    def did(self, entry: Any) -> str:
        return reading.did(entry)

    @admin.display(description="kind")
    def kind(self, entry: Any) -> str:
        return str(entry.content_type.name)

    @admin.display(description="object")
    def what(self, entry: Any) -> str | SafeString:
        if not entry.object_pk or entry.action == LogEntry.Action.DELETE:
            return str(entry.object_repr)
        page = f"admin:{entry.content_type.app_label}_{entry.content_type.model}_change"
        try:
            return format_html(
                '<a href="{}">{}</a>', reverse(page, args=[entry.object_pk]), entry.object_repr
            )
        except NoReverseMatch:
            return str(entry.object_repr)

    @admin.display(description="what changed")
    def changed(self, entry: Any) -> SafeString:
        found = reading.changes(entry)
        if entry.action == LogEntry.Action.CREATE and entry.object_pk:
            return format_html("{}", f"{len(found)} fields")
        shown = format_html_join("", "<div>{}</div>", ((str(change),) for change in found[:MOST_SHOWN]))
        more = f"and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
        return format_html("{}{}", shown, more)

    @admin.display(description="what changed")
    def all_changes(self, entry: Any) -> SafeString:
        rows = format_html_join(
            "", '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>', reading.changes(entry)
        )
        return format_html(
            '<table class="audit"><thead><tr><th scope="col">Field</th><th scope="col">Was</th>'
            '<th scope="col">Became</th></tr></thead><tbody>{}</tbody></table>',
            rows,
        )

    @admin.display(description="why", empty_value="")
    def why(self, entry: Any) -> str:
        return reading.why(entry)
