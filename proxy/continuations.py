"""Answers that continue an earlier one, which the vendor keeps (``previous_response_id``).

The vendor knows one account, ours; who may continue what, the ledger knows: the answer's id is in the entry
of the team that got it. So no team continues another's (checks M12), and the call goes where the answer is
kept. The vendor bills the whole context of the earlier answer again, so the hold bounds that too.
"""

import dataclasses

from catalog.snapshot import KeyRow, RouteRow
from metering import receipts
from metering.receipts import Kept
from proxy import errors
from proxy.gateway import Gateway
from proxy.interchange.reasoning_items import MARK


async def narrowed(gateway: Gateway, route: RouteRow, key: KeyRow, previous: str) -> tuple[RouteRow, Kept]:
    """The route, with only the targets of the provider that keeps ``previous``, and what that keeps.

    Raises BadRequest.
    """
    if previous.startswith(f"resp_{MARK}"):
        raise errors.BadRequest(
            "previous_response_id: that answer came from a vendor that keeps none. Send the whole "
            "conversation.",
            code="previous_response_not_kept",
            param="previous_response_id",
        )
    kept = await receipts.kept(gateway.pool, upstream_id=previous, team_id=key.team.id)
    if kept is None:
        raise errors.BadRequest(
            f"Previous response with id {previous[:100]!r} not found: this team got no such answer here.",
            code="previous_response_not_found",
            param="previous_response_id",
        )
    targets = tuple(target for target in route.targets if target[0].provider.id == kept.provider_id)
    if not targets:
        raise errors.BadRequest(
            f"The previous response is kept by another provider than those of {route.name!r}.",
            code="previous_response_elsewhere",
            param="previous_response_id",
        )
    return dataclasses.replace(route, targets=targets), kept
