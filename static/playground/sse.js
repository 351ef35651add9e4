// Server-sent events of a fetched body, as they come.

/** The data of each event; comments (heartbeats) are left out. `heard` is called with every piece of bytes. */
export async function* events(body, heard = () => {}) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let data = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    heard(value);
    const lines = (rest + decoder.decode(value, { stream: true })).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      if (line !== "" || !data.length) continue;
      yield data.join("\n");
      data = [];
    }
  }
  if (rest.startsWith("data:")) data.push(rest.slice(5).replace(/^ /, ""));
  if (data.length) yield data.join("\n"); // some vendors end without an empty line
}
