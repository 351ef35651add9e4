"""Anthropic's messages API: for callers who speak it themselves (``passthrough``), and for all others."""
