"""OpenAI's chat completions, and every vendor that speaks them (``openai_compatible``)."""
