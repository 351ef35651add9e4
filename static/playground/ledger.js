// The exact figures of a request: the ledger's, asked for until it is settled.

const PAUSES = [0, 300, 700, 1000, 2000, 3000, 4000, 5000]; // milliseconds; an abandoned stream is read on for a while
const UNSEEN_TRIES = 4;
const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** The figures as texts; null when they cannot be had: not booked yet, or of a team that the person does not see. */
export const settled = async (address) => {
  let unseen = 0;
  for (const ms of PAUSES) {
    await pause(ms);
    const answer = await fetch(address, { cache: "no-store", headers: { Accept: "application/json" } }).catch(() => null);
    if (answer?.status === 200 && !answer.redirected) return answer.json();
    if (answer?.status === 404) unseen += 1;
    if (answer?.redirected || unseen === UNSEEN_TRIES) return null;
  }
  return null;
};

/** Total input, visible output and reasoning of the ledger's buckets, as texts; null when the vendor told none. */
export const totals = (tokens) => {
  if (tokens === null) return null;
  const input = ["input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input"];
  const sum = (names) => names.reduce((found, name) => found + BigInt(tokens[name] ?? 0), 0n).toString();
  return { input: sum(input), output: sum(["output", "audio_output"]), reasoning: sum(["reasoning"]) };
};

/** "$0.0002839", or why it is unknown. */
export const price = (figures) => {
  const rest = figures.unknown === "0" ? "" : `${figures.unknown} attempt${figures.unknown === "1" ? "" : "s"} of unknown cost`;
  if (figures.cost_usd === null) return `unknown${figures.why ? `: ${figures.why.toLowerCase()}` : ""}`;
  return `$${figures.cost_usd}${rest && ` and ${rest}`}`;
};
