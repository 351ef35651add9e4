"""A transition in the log, with the models' names in place of their numbers where this worker knows them."""

import uuid
from collections.abc import Mapping
from typing import Any

import structlog

from proxy.reliability.breakers.circuit import Transition
from proxy.reliability.breakers.watch import Watch

log = structlog.get_logger(__name__)

Names = Mapping[int, str]


def tell(watch: Watch, transition: Transition, *, worker: uuid.UUID, names: Names) -> None:
    """One line."""
    log.warning(
        "breaker_changed",
        provider=watch.provider,
        model=watch.model,
        was=transition.was.value,
        now=transition.now.value,
        reason=transition.reason.value,
        counts=named(transition.evidence, names),
        worker=str(worker),
    )


def named(evidence: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """As it is kept, but for ``models`` and each sample's ``model``."""
    found = dict(evidence)
    if "models" in found:
        found["models"] = [names.get(number, number) for number in found["models"]]
    if "samples" in found:
        found["samples"] = [
            {**sample, "model": names.get(sample.get("model"), sample.get("model"))}
            for sample in found["samples"]
        ]
    return found


__all__ = ["named", "tell"]
