"""For a shell."""

import shlex

from proxy.playground.snippets.call import KEY_VARIABLE, Call, block, indented

AUTHORIZATION = f'--header "Authorization: Bearer ${KEY_VARIABLE}"'
FOR_MESSAGES = f'--header "x-api-key: ${KEY_VARIABLE}"', '--header "anthropic-version: 2023-06-01"'


def code(call: Call) -> str:
    """``--fail-with-body``: a refusal is printed, and the command fails. ``-N``: at once, as it comes."""
    at_once = "-N " if call.streams else ""
    headers = FOR_MESSAGES if call.api == "messages" else (AUTHORIZATION,)
    lines = [
        f"curl -sS --fail-with-body {at_once}{shlex.quote(call.url)}",
        *headers,
        '--header "Content-Type: application/json"',
        f"--data {shlex.quote(indented(block(call.body()), 2))}",
    ]
    return " \\\n  ".join(lines)
