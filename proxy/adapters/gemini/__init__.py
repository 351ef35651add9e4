"""Gemini's generateContent, embeddings and token counts, spoken for callers of every dialect."""
