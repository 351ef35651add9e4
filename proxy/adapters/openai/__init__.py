"""OpenAI's wires, and those of every vendor that speaks them (``openai_compatible``).

``wires`` chooses the path of a call: ``chat`` (POST /chat/completions) and ``responses`` (POST /responses) in
two ways each, ``passed`` for callers who speak it themselves and ``written`` for all others; ``embeddings``
and ``token_counts``.
"""
