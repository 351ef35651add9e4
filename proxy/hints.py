"""What may have been meant by a path that is none."""

PATHS = (
    "/v1/chat/completions, /v1/messages, /v1/messages/count_tokens, /v1/responses, /v1/embeddings, /v1/models"
)


def for_path(path: str) -> str:
    """A sentence after a space; empty when nothing comes to mind."""
    if path.startswith("/v1/v1/"):
        return " The base URL for this client ends without /v1."
    if path.startswith("/v1beta/"):
        return " Gemini's models are called by OpenAI's or Anthropic's clients here."
    if not path.startswith("/v1/"):
        return " The base URL for this client ends with /v1."
    return f" There are {PATHS}."
