// Tokens of a row: what one stands for, by pointer or by arrow keys, and the other model's tokens over the same characters.
// Without this, each token says the same on hover, and all of them stand in the list under the text.
function say(box, token) {
  const reading = box.closest("[data-reading]"), pane = reading.querySelector("[data-said]");
  for (const old of document.querySelectorAll(".tok-here, .tok-twin")) old.classList.remove("tok-here", "tok-twin");
  if (!token) return;
  token.classList.add("tok-here");
  const shown = document.createElement("strong");
  shown.textContent = token.textContent;
  pane.replaceChildren(shown, ` ${token.title}`);
  if (!reading.dataset.same) return;
  const start = Number(token.dataset.start), stop = Number(token.dataset.stop);
  for (const other of document.querySelectorAll("[data-reading][data-same]")) {
    if (other === reading) continue;
    const twins = [...other.querySelectorAll(".tok")].filter((t) => Number(t.dataset.start) < stop && Number(t.dataset.stop) > start);
    for (const twin of twins) twin.classList.add("tok-twin");
    other.querySelector("[data-said]").textContent = twins.length ? `Over the same characters: ${twins.length} ${twins.length === 1 ? "token" : "tokens"}, ${twins.map((t) => `“${t.textContent}”`).join(" ").slice(0, 200)}` : "";
  }
}

function ready(box) {
  box.dataset.ready = "1";
  box.tabIndex = 0;
  box.setAttribute("role", "listbox");
  const tokens = [...box.querySelectorAll(".tok")];
  tokens.forEach((token, i) => {
    token.id = `${box.id}-${i}`;
    token.setAttribute("role", "option");
    token.setAttribute("aria-selected", "false");
    token.setAttribute("aria-label", `${token.textContent}; ${token.title}`);
  });
  let at = -1;
  const go = (to) => {
    tokens[at]?.setAttribute("aria-selected", "false");
    at = Math.max(0, Math.min(tokens.length - 1, to));
    tokens[at].setAttribute("aria-selected", "true");
    box.setAttribute("aria-activedescendant", tokens[at].id);
    tokens[at].scrollIntoView({ block: "nearest" });
    say(box, tokens[at]);
  };
  const moves = { ArrowRight: () => at + 1, ArrowLeft: () => at - 1, ArrowDown: () => at + 10, ArrowUp: () => at - 10, Home: () => 0, End: () => tokens.length - 1 };
  box.addEventListener("keydown", (event) => {
    if (!moves[event.key] || !tokens.length || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    go(moves[event.key]());
  });
  box.addEventListener("focus", () => { if (at < 0 && tokens.length) go(0); });
  box.addEventListener("pointerover", (event) => { if (event.target.classList.contains("tok")) say(box, event.target); });
  box.addEventListener("click", (event) => { if (event.target.classList.contains("tok")) go(tokens.indexOf(event.target)); });
  for (const pane of box.closest("[data-reading]").querySelectorAll("[data-said]")) pane.hidden = false;
}

function start(root) {
  for (const box of root.querySelectorAll?.("[data-tokens]:not([data-ready])") ?? []) ready(box);
}

start(document);
document.addEventListener("htmx:load", (event) => start(event.target));
