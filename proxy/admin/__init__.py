"""The admin of the vendors' health: breakers, credentials that rest, health checks."""

from proxy.admin import breakers, credentials

__all__ = ["breakers", "credentials"]
