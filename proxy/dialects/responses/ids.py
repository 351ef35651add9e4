"""The ids of answers that we wrote.

Note [Ids of translated answers]
Whether an answer can be continued is looked up by its id among the ids that vendors gave, as the ledger has
them (``metering.receipts``). A translated answer cannot: its vendor keeps none. So its id is the vendor's own
behind a mark that no vendor's id has. It begins with ``resp_``, as clients expect, and is never found:
continuing it is answered 400 ``previous_response_not_found`` before anything is held. ``store`` in the
answer is false, which says the same. Items' ids have at most 64 characters, OpenAI's bound for what comes
back to it.
"""

import hashlib
import re
import uuid

from proxy.interchange.reasoning_items import MARK

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,40}")


def ident_of(upstream_id: str) -> str:
    """What the ids of an answer have in common: the vendor's id, where it is short and plain, or a hash."""
    if not upstream_id:
        return f"{MARK}_{uuid.uuid4().hex}"
    if _PLAIN.fullmatch(upstream_id):
        return f"{MARK}_{upstream_id}"
    return f"{MARK}_{hashlib.blake2b(upstream_id.encode(), digest_size=16).hexdigest()}"


def response_id(ident: str) -> str:
    """See Note [Ids of translated answers]."""
    return f"resp_{ident}"


def item_id(prefix: str, ident: str, index: int) -> str:
    """``prefix`` is OpenAI's for the kind of item: msg, rs, fc, call."""
    return f"{prefix}_{ident}_{index}"
