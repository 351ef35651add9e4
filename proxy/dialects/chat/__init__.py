"""OpenAI's chat completions, as callers speak them: ``POST /v1/chat/completions``."""
