"""/try/: snippets for a model that one may call, and a small playground. The browser makes the calls."""
