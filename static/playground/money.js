// Exact decimals without floats. A rate is a text with at most 6 decimals, in USD per 1,000,000 tokens; as a whole
// number of millionths it is what one token costs in 10^-12 USD. Amounts are such whole numbers.

const RATE_PLACES = 6;
const USD_PLACES = 12;

/** "2.5" -> 2500000n; null stays null: unknown is not zero. */
export const rate = (text) => {
  if (text === null || text === undefined) return null;
  const [whole, part = ""] = text.split(".");
  return BigInt(whole + part.padEnd(RATE_PLACES, "0"));
};

/** Sum of [tokens, rate] pairs in 10^-12 USD; null when something was used that has no rate. */
export const cost = (pairs) => {
  let sum = 0n;
  for (const [tokens, each] of pairs) {
    if (tokens === 0) continue;
    if (each === null) return null;
    sum += BigInt(tokens) * each;
  }
  return sum;
};

/** 283900000n -> "0.0002839": every digit, no zeros at the end. */
export const written = (amount) => {
  const digits = amount.toString().padStart(USD_PLACES + 1, "0");
  const part = digits.slice(-USD_PLACES).replace(/0+$/, "");
  return digits.slice(0, -USD_PLACES) + (part && `.${part}`);
};
