"""What all workers know of how the vendors are doing. Money is nowhere here: it is in ``metering``."""

from proxy.models.breakers import Breaker, BreakerEvent
from proxy.models.credentials import CredentialState
from proxy.models.health import HealthCheck
from proxy.models.idempotency import IdempotentCall
from proxy.models.refusals import Refusal, RefusalBatch

__all__ = [
    "Breaker",
    "BreakerEvent",
    "CredentialState",
    "HealthCheck",
    "IdempotentCall",
    "Refusal",
    "RefusalBatch",
]
