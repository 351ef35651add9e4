"""Anthropic's messages API, spoken for callers of chat completions."""
