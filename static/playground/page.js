// The playground: one call of /v1/chat/completions at a time, streamed. The key lives in its field and nowhere else.
import * as board from "./board.js";
import * as choice from "./choice.js";
import { price, settled, totals } from "./ledger.js";
import { written } from "./money.js";
import { events } from "./sse.js";
import { Tally } from "./tally.js";
import * as words from "./words.js";

const find = (id) => document.getElementById(id);
const { cost: COST, entry: ENTRY, find: FIND } = find("playground").dataset;
const NIL = "00000000-0000-0000-0000-000000000000";
const STOPPED = "Stopped. What was generated until then is still billed.";
let running = null; // the AbortController of the call that is being read
let last = 0; // of the calls: what an earlier one hears later is not shown

const ownId = () => `playground-${Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;

const body = (model) => {
  const messages = [{ role: "user", content: find("prompt").value }];
  if (find("system").value.trim()) messages.unshift({ role: "system", content: find("system").value });
  const asked = { model, messages, max_tokens: find("most").valueAsNumber, stream: true, stream_options: { include_usage: true } };
  return find("temperature").value === "" ? asked : { ...asked, temperature: find("temperature").valueAsNumber };
};

const post = (call) => fetch("/v1/chat/completions", {
  method: "POST",
  credentials: "omit", // the key says who calls, not the session
  cache: "no-store",
  signal: call.stop.signal,
  headers: {
    Authorization: `Bearer ${find("key").value.trim()}`,
    "Content-Type": "application/json",
    "X-Request-ID": call.ownId, // kept with the request: it is found by this even when nothing came back
  },
  body: JSON.stringify(call.asked),
});

const show = (call) => {
  const { input, cache_read: read, cache_write_5m: stored, output, reasoning } = call.tally.buckets;
  const cost = call.tally.cost;
  board.figures({
    input: input + read + stored,
    output,
    reasoning,
    cost: cost === null ? null : written(cost),
    told: call.tally.told,
    elapsed: performance.now() - call.began,
    firstByte: call.firstByte,
    model: call.tally.model,
  });
};

/** Reads the stream to its end. Returns what went wrong, or null. */
const read = async (call, stream) => {
  for await (const data of events(stream, () => { call.firstByte ??= performance.now() - call.began; })) {
    if (data === "[DONE]") return null;
    let chunk;
    try { chunk = JSON.parse(data); } catch { return words.CUT; }
    if (chunk.error) return words.brokenOff(chunk.error);
    const { said, thought, finish } = call.tally.hear(chunk);
    board.write("answer", said);
    board.write("thoughts", thought);
    call.finish = finish ?? call.finish;
  }
  return words.CUT;
};

/** Sends the call. Returns {trouble, billed}: what went wrong or null, and whether the ledger has it. */
const carryOut = async (call) => {
  const answer = await post(call);
  call.requestId = answer.headers.get("x-request-id") ?? "";
  if (!answer.ok) {
    const said = await answer.json().catch(() => null);
    const trouble = words.refusal(answer.status, said, answer.headers.get("retry-after"));
    return { trouble, billed: words.reachedVendor(said) };
  }
  call.tally.model = answer.headers.get("x-tallygate-model") ?? call.tally.model;
  board.state("The answer is being written …");
  return { trouble: await read(call, answer.body), billed: true };
};

const failed = (call, error) => {
  if (call.stop.signal.aborted) return { trouble: null, billed: true };
  if (!(error instanceof TypeError)) throw error; // a mistake of ours, not of the network
  return { trouble: call.requestId ? words.CUT : words.UNREACHABLE, billed: Boolean(call.requestId) };
};

const settle = async (call, before) => {
  const address = ENTRY.replace(NIL, call.requestId);
  const found = await settled(COST.replace(NIL, call.requestId));
  if (call.number !== last) return;
  if (found === null) {
    board.request(call.requestId);
    board.state(`${before} Its exact cost cannot be shown here: it is not booked yet, or the key is of a team that you do not see.`);
    return;
  }
  board.exact({ totals: totals(found.tokens), price: price(found), model: found.model });
  board.request(call.requestId, address);
  board.state(`${before} The cost is exact now, by the ledger.`);
};

const end = async (call, { trouble, billed }) => {
  const stopped = call.stop.signal.aborted;
  if (trouble) board.trouble(trouble, call.requestId);
  const before = stopped ? STOPPED : !billed ? "Not answered." : trouble ? "No whole answer." : `Done.${words.finished(call.finish)}`;
  if (!billed) board.clear();
  if (billed && call.requestId) {
    board.request(call.requestId);
    board.state(`${before} The exact cost is on its way …`);
    await settle(call, before);
    return;
  }
  board.state(before);
  if (stopped) board.request(call.ownId, `${FIND}?q=${call.ownId}`);
};

const busy = (stop) => {
  running = stop;
  find("send").disabled = stop !== null;
  if (stop === null) find("stop").disabled = true;
};

/** What can be called, or null with the reason said. */
const ready = async () => {
  const chosen = await choice.current();
  if (chosen === null) board.state("Nothing was sent: choose a model that can be called.");
  if (!/[^\x21-\x7e]/.test(find("key").value.trim())) return chosen;
  board.state("Nothing was sent: the key has characters that no key has.");
  return null;
};

const callOf = (chosen) => {
  const asked = body(chosen.model);
  const sent = asked.messages.map((message) => message.content).join("\n");
  return {
    number: ++last, stop: running, asked, ownId: ownId(), requestId: "",
    began: performance.now(), firstByte: null, finish: null, tally: new Tally(sent, chosen.targets),
  };
};

const send = async () => {
  if (running) return;
  busy(new AbortController());
  const chosen = await ready();
  if (chosen === null) { busy(null); return; }
  const call = callOf(chosen);
  board.begin(call.tally.model);
  board.state("Sent; the model has not begun yet …");
  find("stop").disabled = false;
  const clock = setInterval(show, 100, call);
  const ending = await carryOut(call).catch((error) => failed(call, error)).finally(() => {
    clearInterval(clock);
    busy(null);
  });
  show(call);
  await end(call, ending);
};

choice.start();
find("needs-script").hidden = true;
find("bench").hidden = false;
find("ask").addEventListener("submit", (event) => { event.preventDefault(); send(); });
find("ask").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find("ask").requestSubmit();
});
find("stop").addEventListener("click", () => running?.abort());
window.addEventListener("pagehide", () => { find("key").value = ""; });
