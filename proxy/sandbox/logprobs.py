"""Log probabilities of an answer's pieces: every piece is a token of -0.25, its alternatives 1 less each."""

from proxy.sandbox.ask import Json

CHOSEN = -0.25


def openai(pieces: list[str], top: int) -> list[Json]:
    """``logprobs.content`` of a choice, with ``top`` alternatives to each token, itself the first."""
    return [{**_openai_token(piece, CHOSEN), "top_logprobs": _ranked(piece, top)} for piece in pieces]


def _ranked(piece: str, top: int) -> list[Json]:
    return [_openai_token(token, value) for token, value in _alternatives(piece, top)]


def _openai_token(token: str, value: float) -> Json:
    return {"token": token, "logprob": value, "bytes": list(token.encode())}


def gemini(pieces: list[str], top: int) -> Json:
    """A candidate's ``logprobsResult``, with ``top`` candidates for each token."""
    return {
        "chosenCandidates": [_gemini_token(piece, CHOSEN) for piece in pieces],
        "topCandidates": [
            {"candidates": [_gemini_token(token, value) for token, value in _alternatives(piece, top)]}
            for piece in pieces
        ],
    }


def _gemini_token(token: str, value: float) -> Json:
    return {"token": token, "tokenId": len(token), "logProbability": value}


def _alternatives(piece: str, top: int) -> list[tuple[str, float]]:
    return [(f"{piece}{rank}" if rank else piece, CHOSEN - rank) for rank in range(top)]
