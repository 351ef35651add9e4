"""Limits as a CSV file."""

from import_export import fields

from catalog.admin.exports import ExactResource, Worked
from metering.models import Limit


class LimitResource(ExactResource):
    team_name = fields.Field(attribute="team__name", column_name="team")
    scope = fields.Field(attribute="scope", column_name="scope")
    told_at = Worked("notify_at_percent", lambda limit: " ".join(map(str, limit.notify_at)))

    class Meta:
        model = Limit
        fields = ["id", "team_name", "scope", "unit", "amount", "period", "mode", "queue_seconds"]
        fields += ["told_at", "enabled", "created_at"]
        export_order = fields
