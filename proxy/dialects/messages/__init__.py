"""Anthropic's messages, as callers speak them: ``POST /v1/messages``."""
