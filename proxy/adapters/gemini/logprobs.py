"""Log probabilities as OpenAI writes them."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from proxy.interchange import wire

Json = dict[str, Any]


def logprobs_of(candidate: Mapping[str, Any]) -> Json | None:
    """OpenAI's ``logprobs`` object; None when the candidate has none."""
    result = wire.mapping(candidate.get("logprobsResult"))
    chosen = wire.objects(result.get("chosenCandidates"))
    if not chosen:
        return None
    tops = wire.objects(result.get("topCandidates"))[: len(chosen)]
    content = [
        {**_token(token), "top_logprobs": [_token(top) for top in wire.objects(held.get("candidates"))]}
        for token, held in zip_longest(chosen, tops, fillvalue=wire.EMPTY)
    ]
    return {"content": content, "refusal": None}


def _token(token: Mapping[str, Any]) -> Json:
    said = wire.text(token.get("token"))
    return {"token": said, "logprob": token.get("logProbability", 0.0), "bytes": list(said.encode())}
