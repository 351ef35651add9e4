"""For Python, with the SDK of the API's vendor."""

from collections.abc import Iterator

from proxy.playground.snippets.call import KEY_VARIABLE, Call, literal

MODULES = {"chat": "openai", "responses": "openai", "messages": "anthropic"}
CLASSES = {"openai": "OpenAI", "anthropic": "Anthropic"}
READ = {
    "chat": """\
answer = client.chat.completions.create(
FIELDS
)
print(answer.choices[0].message.content)
print(answer.usage)""",
    "responses": """\
answer = client.responses.create(
FIELDS
)
print(answer.output_text)
print(answer.usage)""",
    "messages": """\
answer = client.messages.create(
FIELDS
)
print("".join(block.text for block in answer.content if block.type == "text"))
print(answer.usage)""",
}
STREAM = {
    "chat": """\
stream = client.chat.completions.create(
FIELDS
    stream=True,
    stream_options={"include_usage": True},
)
for chunk in stream:
    if chunk.choices and chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end="", flush=True)
    if chunk.usage:
        print()
        print(chunk.usage)""",
    "responses": """\
stream = client.responses.create(
FIELDS
    stream=True,
)
for event in stream:
    if event.type == "response.output_text.delta":
        print(event.delta, end="", flush=True)
    if event.type in ("response.completed", "response.incomplete"):
        print()
        print(event.response.usage)""",
    "messages": """\
with client.messages.stream(
FIELDS
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
    print()
    print(stream.get_final_message().usage)""",
}


def code(call: Call) -> str:
    return "\n".join([*_client(call), _reading(call)])


def _client(call: Call) -> Iterator[str]:
    """OpenAI's SDK wants the version in the base URL, Anthropic's adds it."""
    module = MODULES[call.api]
    base_url = call.base_url if module == "anthropic" else f"{call.base_url}/v1"
    yield "import os"
    yield ""
    yield f"from {module} import {CLASSES[module]}"
    yield ""
    yield f"client = {CLASSES[module]}("
    yield f"    base_url={literal(base_url)},"
    yield f'    api_key=os.environ["{KEY_VARIABLE}"],'
    yield ")"


def _reading(call: Call) -> str:
    fields = "\n".join(f"    {name}={literal(value)}," for name, value in call.fields().items())
    return (STREAM if call.streams else READ)[call.api].replace("FIELDS", fields, 1)
