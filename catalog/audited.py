"""What of the catalog, and of the people who log in, the audit trail keeps: everything but secrets."""

from django.contrib.auth.models import Group, User

from catalog.audit.tracking import track
from catalog.models import (
    ApiKey,
    Credential,
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
    track(Provider, secret=["api_key_encrypted"])
    track(Credential, secret=["api_key_encrypted"])
    for model in (LanguageModel, Price, PriceProposal, Route, RouteTarget):
        track(model)
