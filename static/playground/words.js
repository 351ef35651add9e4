// What went wrong, in words: a title, the gateway's own sentence, and the figures of a limit that refused.

const TITLES = {
  401: "The key was not accepted",
  403: "This key may not do that",
  404: "There is no such model",
  408: "The request did not arrive in time",
  413: "The prompt is too large",
  503: "No answer can be had at this moment",
  504: "The vendor did not answer in time",
};
const ANY = "The request was refused";
const FAILED = "The vendor failed";
const FIGURES = {
  amount: "Limit",
  spent: "Spent",
  held: "Held by open calls",
  exposed: "Possibly spent",
  left: "Left",
  asked: "This call may need",
};

const title = (status, error) => {
  if (status === 429 && error.unit === "usd") return "The budget has no room for this call";
  if (status === 429) return error.limit_id ? "A limit refused this call" : "The vendor is asked too often";
  return TITLES[status] ?? (status >= 500 ? FAILED : ANY);
};

const facts = (error) => {
  const unit = error.unit === "usd" ? "USD" : error.unit ?? "";
  const found = Object.entries(FIGURES)
    .filter(([name]) => typeof error[name] === "string")
    .map(([name, words]) => [words, `${error[name]} ${unit}`.trim()]);
  if (found.length && error.period && error.period !== "total") found[0][1] += ` a ${error.period}`;
  if (typeof error.resets_at === "string") found.push(["Begins anew", `${error.resets_at.slice(0, 16).replace("T", " ")} UTC`]);
  return found;
};

/** Of an answer with an error status. `body` is the parsed JSON, or null; `wait`: its retry-after, or null. */
export const refusal = (status, body, wait = null) => {
  const error = body?.error ?? {};
  const said = typeof error.message === "string" ? error.message : "It said no more.";
  return {
    title: `${title(status, error)} (${status}).`,
    said: wait === null ? said : `${said} Try again in ${wait} s.`,
    facts: facts(error),
    ask: typeof error.ask === "string" ? error.ask : "",
  };
};

/** Of an error that came as the last event of a stream. */
export const brokenOff = (error) => ({
  title: "The stream ended with an error.",
  said: `${error.message ?? "It said no more."} What was generated until then is still billed.`,
  facts: [],
  ask: "",
});

export const CUT = {
  title: "The stream broke off before its end.",
  said: "The connection was lost. What was generated until then is still billed.",
  facts: [],
  ask: "",
};

export const UNREACHABLE = {
  title: "The gateway could not be reached.",
  said: "Nothing came back. Is it running, and is this machine online?",
  facts: [],
  ask: "",
};

/** Whether a vendor was called before this refusal, so that the ledger has an entry of it. */
export const reachedVendor = (body) => /^(upstream_|deadline_exceeded)/.test(body?.error?.code ?? "");

const FINISHES = {
  length: " It was cut at the most tokens that you allowed.",
  content_filter: " The vendor cut it for its content.",
};

/** How the answer ended, where that is worth saying. */
export const finished = (reason) => FINISHES[reason] ?? "";
