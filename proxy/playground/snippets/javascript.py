"""For JavaScript (a module: top-level ``await``), with the SDK of the API's vendor."""

from proxy.playground.snippets.call import KEY_VARIABLE, Call, block, literal

SDKS = {
    "chat": ("OpenAI", "openai"),
    "responses": ("OpenAI", "openai"),
    "messages": ("Anthropic", "@anthropic-ai/sdk"),
}
READ = {
    "chat": """\
const answer = await client.chat.completions.create(BODY);
console.log(answer.choices[0].message.content);
console.log(answer.usage);""",
    "responses": """\
const answer = await client.responses.create(BODY);
console.log(answer.output_text);
console.log(answer.usage);""",
    "messages": """\
const answer = await client.messages.create(BODY);
console.log(answer.content.filter((block) => block.type === "text").map((block) => block.text).join(""));
console.log(answer.usage);""",
}
STREAM = {
    "chat": """\
const stream = await client.chat.completions.create(BODY);
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
  if (chunk.usage) console.log("\\n", chunk.usage);
}""",
    "responses": """\
const stream = await client.responses.create(BODY);
for await (const event of stream) {
  if (event.type === "response.output_text.delta") process.stdout.write(event.delta);
  if (event.type === "response.completed" || event.type === "response.incomplete") {
    console.log("\\n", event.response.usage);
  }
}""",
    "messages": """\
const stream = await client.messages.create(BODY);
for await (const event of stream) {
  if (event.type === "content_block_delta" && event.delta.type === "text_delta") {
    process.stdout.write(event.delta.text);
  }
  if (event.type === "message_delta") console.log("\\n", event.usage);
}""",
}


def code(call: Call) -> str:
    name, package = SDKS[call.api]
    base_url = call.base_url if call.api == "messages" else f"{call.base_url}/v1"
    reading = (STREAM if call.streams else READ)[call.api]
    return "\n".join(
        [
            f'import {name} from "{package}";',
            "",
            f"const client = new {name}({{",
            f"  baseURL: {literal(base_url)},",
            f"  apiKey: process.env.{KEY_VARIABLE},",
            "});",
            reading.replace("BODY", block(call.body()), 1),
        ]
    )
