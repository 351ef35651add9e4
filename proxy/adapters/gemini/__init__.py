"""Gemini's generateContent, spoken for callers of chat completions."""
