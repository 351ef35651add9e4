// What to call, and the code to copy. A choice changes the page in place: a loaded one would forget the key.

const form = document.getElementById("choose");
const refused = document.getElementById("refused");
const LOGGED_OUT = "You are logged out: load this page again.";
let asked = 0;
let latest = Promise.resolve();

const chosen = () => JSON.parse(document.getElementById("targets").textContent);

const prepare = () => document.querySelectorAll("[data-copies]").forEach((button) => { button.hidden = false; });

const exchange = (page) => {
  const open = document.querySelector("details.snippet[open]")?.id;
  for (const id of ["chosen", "snippets"]) {
    document.getElementById(id).replaceWith(document.adoptNode(page.getElementById(id)));
  }
  if (open) document.querySelectorAll("details.snippet").forEach((one) => { one.open = one.id === open; });
  prepare();
};

const say = (trouble) => {
  refused.textContent = trouble;
  refused.hidden = !trouble;
  form.elements.model.setAttribute("aria-invalid", trouble ? "true" : "false");
};

const update = async () => {
  const number = ++asked;
  const query = new URLSearchParams(new FormData(form));
  const answer = await fetch(`${form.getAttribute("action")}?${query}`).catch(() => null);
  const page = new DOMParser().parseFromString(answer ? await answer.text() : "", "text/html");
  if (number !== asked) return;
  if (answer?.ok && page.getElementById("chosen")) {
    say("");
    exchange(page);
    window.history.replaceState(null, "", `?${query}`);
  } else {
    say(page.querySelector("main [role=alert]")?.textContent ?? (answer ? LOGGED_OUT : "The gateway could not be reached."));
  }
};

const changed = () => { latest = update(); };

const copy = async (button) => {
  const code = document.getElementById(button.dataset.copies);
  const before = button.textContent;
  try {
    await window.navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch { // without https browsers give no clipboard
    window.getSelection().selectAllChildren(code);
    button.textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => { button.textContent = before; }, 2500);
};

export const start = () => {
  document.getElementById("show").hidden = true;
  form.addEventListener("change", changed);
  form.addEventListener("submit", (event) => { event.preventDefault(); changed(); });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-copies]");
    if (button) copy(button);
  });
  prepare();
};

/** {model, targets} once every change is through; null when what is written in the form cannot be called. */
export const current = async () => {
  await latest;
  if (form.elements.model.value.trim() !== chosen().model) await update();
  return form.elements.model.value.trim() === chosen().model ? chosen() : null;
};
