// The board: stages by keyboard and by dragging, the recipe's line numbers, and what was typed when somebody is signed out.
// Every one of these actions has a button of its own that needs no script.
const form = document.getElementById("board");
const said = document.getElementById("board-said");
const say = (text) => { if (said) said.textContent = text; };
const cards = () => [...document.querySelectorAll(".stage-card[data-path]")];
const press = (verb, card) => card.querySelector(`.stage-do [value="${verb}:${card.dataset.path}"]:not([disabled])`)?.click();

// Keys, only while a stage has the focus: arrows go along, Shift with an arrow moves, Delete removes, D duplicates, F2 or Enter goes to its fields.
document.addEventListener("keydown", (event) => {
  const card = event.target.closest?.(".stage-card[data-path]");
  if (card !== event.target) return;
  const all = cards(), i = all.indexOf(card);
  const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (step && event.shiftKey) press(step < 0 ? "up" : "down", card);
  else if (step) all[i + step]?.focus();
  else if (event.key === "Delete" || event.key === "Backspace") press("remove", card);
  else if (event.key === "d" || event.key === "D") press("copy", card);
  else if (event.key === "+") card.closest(".stage-slot").nextElementSibling?.querySelector(".stage-plus")?.click();
  else if (event.key === "Enter" || event.key === "F2") fields(card);
  else return;
  event.preventDefault();
});

function fields(card) {
  const name = document.querySelector(`[name="${card.dataset.path}.name"]`);
  if (!name) return say("This stage belongs to the method. Change, move or duplicate one to make the stages your own.");
  name.closest("details")?.setAttribute("open", "");
  name.focus();
}

// Undo and redo, outside of fields that have an undo of their own; ? shows the keys.
document.addEventListener("keydown", (event) => {
  if (event.target.matches?.("input, textarea, select, [contenteditable]")) return;
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y")) {
    event.preventDefault();
    document.getElementById(key === "y" || event.shiftKey ? "redo" : "undo")?.click();
  } else if (event.key === "?" && !event.ctrlKey && !event.metaKey) document.getElementById("keys-help")?.showPopover?.();
});

// The focus follows the stage that was moved; after a removal it goes to its neighbour.
document.addEventListener("studio:focus", (event) => {
  const [verb, path] = String(event.detail.do).split(":");
  const moved = { up: 1, down: 1, copy: 1, insert: 1, add: 1, move: 1 }[verb] ? event.detail.at : path;
  const [, list, at] = /^(stages(?:\.\d+\.stages)?)\.(\d+)$/.exec(moved || "") || [];
  const all = list ? cards().filter((card) => card.dataset.path.slice(0, card.dataset.path.lastIndexOf(".")) === list) : [];
  const card = all[Math.min(Number(at), all.length - 1)] || cards().find((other) => list?.startsWith(`${other.dataset.path}.`));
  if (!card) return;
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest", inline: "nearest" });
});

// Dragging, also by touch; a stage stays in its list: the recipe's, or that of its rounds.
function draggable() {
  if (!window.Sortable || !form || form.querySelector("fieldset[disabled]")) return;
  for (const list of document.querySelectorAll("ol[data-list]:not([data-ready])")) {
    list.dataset.ready = "1";
    for (const card of list.querySelectorAll(".stage-card")) card.dataset.movable = "";
    window.Sortable.create(list, {
      draggable: ".stage-slot[data-index]", handle: ".stage-card", filter: "button, a", preventOnFilter: false, animation: 120,
      delay: 150, delayOnTouchOnly: true, ghostClass: "stage-dragged",
      onEnd: ({ oldDraggableIndex: from, newDraggableIndex: to }) => {
        if (from !== to) edit(list, `move:${list.dataset.list}.${from}:${to}`);
      },
    });
  }
}
const edit = (list, what) => window.htmx.ajax("POST", form.dataset.edit, {
  source: list, target: "#summary", swap: "outerHTML", values: { ...Object.fromEntries(new FormData(form)), do: what },
});
// htmx remembers the last button of a form, and would send a later change of a field to that button's address.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt !== form) return;
  event.detail.path = form.dataset.save;
  delete event.detail.parameters.do;
});
document.addEventListener("htmx:afterSettle", draggable);
addEventListener("load", draggable);
draggable();

// Two pages changed one draft: 409 carries both sides and is shown. Signed out: what was typed stays, and is kept for after.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status === 409) { event.detail.shouldSwap = true; event.detail.isError = false; }
});
document.addEventListener("studio:conflict", () => {
  document.getElementById("conflict")?.scrollIntoView({ block: "nearest" });
});
const shelf = form && `studio:${form.dataset.draft}`;
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.detail.xhr.status !== 401 || !form) return;
  event.preventDefault();
  keep();
  notice("You are signed out. What you typed stays on this page.", "Sign in", `/account/login/?next=${encodeURIComponent(location.pathname)}`);
});
for (const lost of ["htmx:sendError", "htmx:timeout"]) document.addEventListener(lost, () => { if (form) { keep(); notice("The workbench cannot be reached. What you typed stays on this page.", "Try again", ""); } });
document.addEventListener("htmx:afterOnLoad", (event) => {
  if (event.detail.xhr.status < 400) { document.getElementById("signed-out")?.remove(); try { sessionStorage.removeItem(shelf); } catch { /* private mode */ } }
});

function keep() {
  const values = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && !name.startsWith("csrf"));
  try { sessionStorage.setItem(shelf, JSON.stringify(values)); } catch { /* no room: the page itself still has it */ }
}

function notice(text, label, href) {
  document.getElementById("signed-out")?.remove();
  const box = Object.assign(document.createElement("div"), { id: "signed-out", className: "alert alert-warning signed-out" });
  box.setAttribute("role", "alert");
  const words = Object.assign(document.createElement("div"), { textContent: `${text} ` });
  const way = Object.assign(document.createElement(href ? "a" : "button"), { className: "btn btn-sm", textContent: label });
  if (href) way.href = href; else { way.type = "button"; way.addEventListener("click", () => window.htmx.trigger(form, "change")); }
  words.append(way);
  box.append(words);
  document.getElementById("conflict")?.before(box);
}

// Back after signing in: what was kept is put into the fields and sent.
function restore() {
  let kept;
  try { kept = shelf && JSON.parse(sessionStorage.getItem(shelf) || "null"); sessionStorage.removeItem(shelf); } catch { return; }
  if (!kept) return;
  const values = new Map(kept);
  let changed = 0;
  for (const field of form.elements) {
    if (!field.name || field.name.startsWith("draft:") || field.type === "hidden" || field.type === "submit") continue;
    const ticked = field.type === "checkbox" || field.type === "radio";
    const wanted = values.get(field.name);
    if (ticked ? wanted === undefined && field.type === "radio" : wanted === undefined) continue;
    const on = field.type === "radio" ? wanted === field.value : wanted !== undefined;
    if (ticked ? field.checked !== on : field.value !== wanted) { changed += 1; if (ticked) field.checked = on; else field.value = wanted; }
  }
  if (changed) { window.htmx.trigger(form, "change"); say("What you had typed before you were signed out was put back and saved."); }
}
addEventListener("load", restore);
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }); // going back shows the draft as it is

// The recipe as text: line numbers follow, a link of an error puts the cursor there, and unsent text is never replaced.
const text = () => document.getElementById("recipe-text");
document.addEventListener("input", (event) => {
  if (event.target.id !== "recipe-text") return;
  const lines = event.target.value.split("\n").length;
  document.getElementById("recipe-numbers").textContent = Array.from({ length: lines }, (_, i) => i + 1).join("\n");
  event.target.rows = lines;
});
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-line]");
  if (!link || !text()) return;
  event.preventDefault();
  const rows = text().value.split("\n"), line = Number(link.dataset.line) - 1;
  const start = rows.slice(0, line).reduce((n, row) => n + row.length + 1, 0);
  text().focus();
  text().setSelectionRange(start + Math.max(0, Number(link.dataset.column) - 1), start + (rows[line] || "").length);
});
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  if (event.detail.target?.id === "recipe" && text() && text().value !== text().defaultValue) event.detail.shouldSwap = false;
});
document.addEventListener("change", (event) => { if (event.target.id === "recipe-text") event.stopPropagation(); }, true);
addEventListener("beforeunload", (event) => {
  const box = text();
  if (box && !box.readOnly && box.value !== box.defaultValue && !box.dataset.sent) event.preventDefault();
});
document.addEventListener("submit", (event) => { if (event.target.id === "recipe-form" && text()) text().dataset.sent = "1"; });
