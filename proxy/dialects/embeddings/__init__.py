"""OpenAI's embeddings, as callers speak them: ``POST /v1/embeddings``."""
