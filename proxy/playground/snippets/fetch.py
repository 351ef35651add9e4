"""For JavaScript (a module: top-level ``await``) without any package."""

from proxy.playground.snippets.call import KEY_VARIABLE, Call, block, indented, literal

AUTHORIZATION = f"Authorization: `Bearer ${{process.env.{KEY_VARIABLE}}}`,"
FOR_MESSAGES = f'"x-api-key": process.env.{KEY_VARIABLE},', '"anthropic-version": "2023-06-01",'
READ = {
    "chat": "console.log(said.choices[0].message.content);",
    "responses": """\
const texts = said.output.filter((item) => item.type === "message").flatMap((item) => item.content);
console.log(texts.map((part) => part.text ?? "").join(""));""",
    "messages": (
        'console.log(said.content.filter((block) => block.type === "text")'
        '.map((block) => block.text).join(""));'
    ),
}
STREAM = {
    "chat": """\
process.stdout.write(event.choices?.[0]?.delta?.content ?? "");
if (event.usage) console.log("\\n", event.usage);""",
    "responses": """\
if (event.type === "response.output_text.delta") process.stdout.write(event.delta);
if (event.type === "response.completed" || event.type === "response.incomplete") {
  console.log("\\n", event.response.usage);
}""",
    "messages": """\
if (event.type === "content_block_delta") process.stdout.write(event.delta.text ?? "");
if (event.type === "message_delta") console.log("\\n", event.usage);""",
}
WHOLE = """\
const said = await answer.json();
READ
console.log(said.usage);"""
IN_PIECES = """\
let rest = "";
for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + piece).split(/\\r?\\n/);
  rest = lines.pop();
  for (const line of lines) {
    if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
    const event = JSON.parse(line.slice(6));
    if (event.error) throw new Error(event.error.message);
    READ
  }
}"""


def code(call: Call) -> str:
    headers = FOR_MESSAGES if call.api == "messages" else (AUTHORIZATION,)
    reading = IN_PIECES if call.streams else WHOLE
    said = (STREAM if call.streams else READ)[call.api]
    return "\n".join(
        [
            f"const answer = await fetch({literal(call.url)}, {{",
            '  method: "POST",',
            "  headers: {",
            *(f"    {header}" for header in (*headers, '"Content-Type": "application/json",')),
            "  },",
            f"  body: JSON.stringify({indented(block(call.body()), 2)}),",
            "});",
            "if (!answer.ok) throw new Error(await answer.text());",
            reading.replace("READ", indented(said, 4 if call.streams else 0), 1),
        ]
    )
