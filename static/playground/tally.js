// What a call has used so far: counted while it is written, the vendor's own counts once they come.
import { cost, rate } from "./money.js";

const BYTES_PER_TOKEN = 4; // of usual prose; only the ledger's figures are exact
const tokens = (bytes) => Math.ceil(bytes / BYTES_PER_TOKEN);
const size = (text) => new TextEncoder().encode(text).length;
const least = (count) => Math.max(0, count || 0);

export class Tally {
  /** `sent`: all text of the request. `targets`: [{model, rates}], the likeliest first. */
  constructor(sent, targets) {
    this.targets = targets;
    this.model = targets.length ? targets[0].model : "";
    this.bytes = { input: size(sent), output: 0, reasoning: 0 };
    this.usage = null;
  }

  /** A chunk of chat completions. Returns its visible text and its thoughts. */
  hear(chunk) {
    if (chunk.usage) this.usage = chunk.usage;
    const delta = chunk.choices?.[0]?.delta ?? {};
    const said = (delta.content ?? "") + (delta.refusal ?? "");
    const thought = delta.reasoning_content ?? delta.reasoning ?? "";
    this.bytes.output += size(said);
    this.bytes.reasoning += size(thought);
    return { said, thought, finish: chunk.choices?.[0]?.finish_reason ?? null };
  }

  /** Whether the vendor has told its counts. */
  get told() {
    return this.usage !== null;
  }

  /** Tokens in disjoint buckets, as the ledger has them. */
  get buckets() {
    if (this.usage === null) {
      const { input, output, reasoning } = this.bytes;
      return { input: tokens(input), cache_read: 0, cache_write_5m: 0, output: tokens(output), reasoning: tokens(reasoning) };
    }
    const { prompt_tokens: prompt, completion_tokens: completion } = this.usage;
    const read = least(this.usage.prompt_tokens_details?.cached_tokens);
    const stored = least(this.usage.prompt_tokens_details?.cache_write_tokens);
    const reasoning = least(this.usage.completion_tokens_details?.reasoning_tokens);
    return {
      input: least(prompt - read - stored),
      cache_read: read,
      cache_write_5m: stored,
      output: least(completion - reasoning),
      reasoning,
    };
  }

  /** In 10^-12 USD at the rates of who answers; null when a rate is unknown. */
  get cost() {
    const rates = this.targets.find((target) => target.model === this.model)?.rates;
    if (!rates) return null;
    return cost(Object.entries(this.buckets).map(([bucket, count]) => [count, rate(rates[bucket])]));
  }
}
