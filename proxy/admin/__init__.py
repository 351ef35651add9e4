"""The admin of the vendors' health: breakers, credentials that rest, health checks."""

from proxy import attention
from proxy.admin import breakers, credentials

__all__ = ["attention", "breakers", "credentials"]
