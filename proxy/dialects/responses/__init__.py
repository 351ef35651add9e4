"""OpenAI's responses, as callers speak them: ``POST /v1/responses``."""
