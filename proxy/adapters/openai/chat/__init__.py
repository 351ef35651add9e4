"""The wire of POST /chat/completions."""
