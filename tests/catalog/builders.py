"""Rows for tests, with every required value filled in."""

import datetime as dt
from itertools import count
from typing import Any

from django.contrib.auth.models import User

from catalog.models import (
    ApiKey,
    Credential,
    FormerSecret,
    KeyEvent,
    LanguageModel,
    Price,
    PriceProposal,
    Provider,
    Route,
    RouteTarget,
    Team,
)

NOW = dt.datetime.now(dt.UTC)
PAST = NOW - dt.timedelta(days=30)
FUTURE = NOW + dt.timedelta(days=30)
_number = count(1)


def provider(**values: Any) -> Provider:
    number = next(_number)
    return Provider.objects.create(
        **{
            "name": f"vendor-{number}",
            "kind": "openai_compatible",
            "base_url": "https://vendor.example/v1",
            **values,
        }
    )


def credential(**values: Any) -> Credential:
    if "provider" not in values:
        values["provider"] = provider()
    return Credential.objects.create(**{"name": f"credential-{next(_number)}", **values})


def model(**values: Any) -> LanguageModel:
    if "provider" not in values:
        values["provider"] = provider()
    return LanguageModel.objects.create(**{"name": f"model-{next(_number)}", **values})


def price(**values: Any) -> Price:
    if "model" not in values:
        values["model"] = model()
    return Price.objects.create(**{"effective_from": PAST, "input": "1", "output": "5", **values})


def proposal(**values: Any) -> PriceProposal:
    if "model" not in values:
        values["model"] = model()
    return PriceProposal.objects.create(
        **{
            "effective_from": PAST,
            "rates": {"input": "2", "output": "5"},
            "reason": "changed: input 1 -> 2",
            "source": "genai-prices 0.2.3",
            "made_by": "genai-prices 0.2.3",
            "from_feed": True,
            **values,
        }
    )


def route(**values: Any) -> Route:
    return Route.objects.create(**{"name": f"route-{next(_number)}", **values})


def target(**values: Any) -> RouteTarget:
    if "route" not in values:
        values["route"] = route()
    if "model" not in values:
        values["model"] = model()
    return RouteTarget.objects.create(**values)


def team(**values: Any) -> Team:
    return Team.objects.create(**{"name": f"team-{next(_number)}", **values})


def api_key(**values: Any) -> ApiKey:
    number = next(_number)
    if "team" not in values:
        values["team"] = team()
    return ApiKey.objects.create(
        **{"name": f"key-{number}", "prefix": f"tg_{number:08d}", "digest": f"{number:064x}", **values}
    )


def former_secret(**values: Any) -> FormerSecret:
    number = next(_number)
    if "key" not in values:
        values["key"] = api_key()
    return FormerSecret.objects.create(
        **{
            "prefix": f"tg_f{number:07d}",
            "digest": f"{number:064x}",
            "replaced_at": NOW,
            "ends_at": FUTURE,
            **values,
        }
    )


def key_event(**values: Any) -> KeyEvent:
    if "key" not in values:
        values["key"] = api_key()
    return KeyEvent.objects.create(
        **{"action": "created", "prefix": values["key"].prefix, "at": NOW, **values}
    )


def person(**values: Any) -> User:
    return User.objects.create_user(**{"username": f"person-{next(_number)}", **values})
