"""What of the catalog, and of the people who log in, the audit trail keeps: everything but secrets."""

from django.contrib.auth.models import Group, User

from catalog.audit.tracking import track
from catalog.models import (
    ApiKey,
    Credential,
    FormerSecret,
    LanguageModel,
    Price,
    PriceProposal,
    Provider,
    Route,
    RouteTarget,
    Team,
)


def register() -> None:
    track(User, secret=["password"], left_out=["last_login"], many=["groups", "user_permissions"])
    track(Group, many=["permissions"])
    track(Team, many=["leads"])
    track(ApiKey, secret=["digest"])
    track(FormerSecret, secret=["digest"])
    track(Provider, secret=["api_key_encrypted"])
    track(Credential, secret=["api_key_encrypted"])
    track(PriceProposal, left_out=["impact"])  # amounts of every team, and on the draft's page
    for model in (LanguageModel, Price, Route, RouteTarget):
        track(model)
