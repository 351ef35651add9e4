"""Teams, keys, models and routes as CSV files. Without secrets: no digest, no credential."""

from import_export import fields

from catalog.admin.exports import ExactResource, Worked
from catalog.models import ApiKey, LanguageModel, Route, Team


def _leads(team: Team) -> str:
    return " ".join(sorted(lead.get_username() for lead in team.leads.all()))


def _targets(route: Route) -> str:
    """``openai/gpt-4o x70, anthropic/claude x30``: in their order, with their weights."""
    return ", ".join(f"{target.model} x{target.weight}" for target in route.targets.all())


class TeamResource(ExactResource):
    may_call = Worked("may_call", lambda team: " ".join(team.models))
    leads = Worked("leads", _leads)

    class Meta:
        model = Team
        fields = ["id", "name", "title", "cost_center", "enabled", "may_call", "leads", "created_at"]
        export_order = fields


class KeyResource(ExactResource):
    team_name = fields.Field(attribute="team__name", column_name="team")
    narrowed_to = Worked("narrowed_to", lambda key: " ".join(key.models))

    class Meta:
        model = ApiKey
        fields = ["id", "team_name", "name", "prefix", "narrowed_to", "created_at", "expires_at"]
        fields += ["revoked_at"]
        export_order = fields


class ModelResource(ExactResource):
    provider_name = fields.Field(attribute="provider__name", column_name="provider")

    class Meta:
        model = LanguageModel
        fields = ["id", "provider_name", "name", "enabled", "context_window", "max_output_tokens"]
        fields += ["first_byte_timeout", "first_token_timeout", "idle_timeout", "total_timeout"]
        fields += ["source", "source_date"]
        export_order = fields


class RouteResource(ExactResource):
    targets = Worked("targets", _targets)

    class Meta:
        model = Route
        fields = ["id", "name", "strategy", "targets", "cache_ttl", "on_content_filter"]
        fields += ["hedge_after", "enabled"]
        export_order = fields
