// The playground's display: every text is set as text, never as HTML.

const find = (id) => document.getElementById(id);
const seconds = (ms) => (ms === null ? "–" : `${(ms / 1000).toFixed(2)} s`);
const set = (id, text) => { if (find(id).textContent !== text) find(id).textContent = text; };
const element = (name, text = "", more = {}) => Object.assign(document.createElement(name), { textContent: text }, more);

export const state = (text) => set("state", text);

/** Empty for a new call. */
export const begin = (model) => {
  for (const id of ["answer", "thoughts"]) find(id).replaceChildren(document.createTextNode(""));
  for (const id of ["trouble", "thinking"]) find(id).hidden = true;
  for (const id of ["answer", "tally"]) find(id).hidden = false;
  find("cost").classList.remove("exact");
  set("model", model);
  set("request", "–");
};

/** Nothing of it was carried out: no figures, no answer. */
export const clear = () => { for (const id of ["answer", "tally"]) find(id).hidden = true; };

/** Text of the answer or of the thoughts. */
export const write = (id, text) => {
  if (!text) return;
  if (id === "thoughts") find("thinking").hidden = false;
  find(id).firstChild.appendData(text);
};

/** `cost`: a text, or null when it is unknown; what was only counted is said to be about so much. */
export const figures = ({ input, output, reasoning, cost, told, elapsed, firstByte, model }) => {
  const counted = (count) => (told ? `${count}` : `about ${count}`);
  set("input", counted(input));
  set("output", counted(output));
  set("reasoning", counted(reasoning));
  set("cost", cost === null ? "unknown" : `about $${cost}`);
  set("elapsed", seconds(elapsed));
  set("first-byte", seconds(firstByte));
  set("model", model);
};

/** The ledger's figures. */
export const exact = ({ totals, price, model }) => {
  if (totals) Object.entries(totals).forEach(([name, count]) => set(name, count));
  set("cost", price);
  set("model", model);
  find("cost").classList.add("exact");
};

export const request = (id, address = "") => {
  find("request").replaceChildren(address ? element("a", id, { href: address }) : element("code", id));
};

const local = (address) => {
  const found = new URL(address, window.location.href);
  return found.origin === window.location.origin ? found.pathname : "";
};

/** See words.js for what trouble is. */
export const trouble = ({ title, said, facts, ask }, requestId) => {
  const box = find("trouble");
  box.replaceChildren(element("strong", title), element("p", said));
  const list = element("ul");
  list.append(...facts.map(([name, value]) => element("li", `${name}: ${value}`)));
  if (facts.length) box.append(list);
  if (ask && local(ask)) box.append(element("a", "See this budget", { href: local(ask) }));
  if (requestId) box.append(element("p", `Request ${requestId}`));
  box.hidden = false;
};
