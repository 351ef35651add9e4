"""WHAT can be called, at what price, WHO may call."""

from catalog.models.access import ApiKey, Team
from catalog.models.key_history import FormerSecret, KeyEvent
from catalog.models.prices import Price, PriceFeed, PriceProposal
from catalog.models.providers import Credential, LanguageModel, Provider
from catalog.models.routes import Route, RouteTarget

__all__ = [
    "ApiKey",
    "Credential",
    "FormerSecret",
    "KeyEvent",
    "LanguageModel",
    "Price",
    "PriceFeed",
    "PriceProposal",
    "Provider",
    "Route",
    "RouteTarget",
    "Team",
]
