"""A call to paste into a shell that tries a new secret. Pure."""

import json
import shlex


def curl(*, gateway: str, secret: str, model: str) -> str:
    """``gateway``: its address. Every value is quoted for the shell: a model may be called anything."""
    body = {"model": model, "messages": [{"role": "user", "content": "Say hello."}]}
    lines = [
        f"curl {shlex.quote(f'{gateway}/v1/chat/completions')}",
        f'-H "Authorization: Bearer {secret}"',
        '-H "Content-Type: application/json"',
        f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}",
    ]
    return " \\\n  ".join(lines)
