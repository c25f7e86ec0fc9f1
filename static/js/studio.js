// Small comforts of the studio; everything works without them.
// 1. Sections stay open when a part of the page is replaced.  2. Fields with a problem are marked.  3. The start button is pressed once.
let open = [];
document.addEventListener("htmx:beforeSwap", () => {
  open = [...document.querySelectorAll("details[open][id]")].map((d) => d.id);
});
document.addEventListener("htmx:afterSettle", () => {
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  mark();
});
function mark() {
  for (const box of document.querySelectorAll(".method-find")) box.hidden = false;
  for (const field of document.querySelectorAll("#board [aria-invalid]")) { field.removeAttribute("aria-invalid"); field.classList.remove("is-invalid"); }
  for (const link of document.querySelectorAll("#problems .problem-text")) {
    const field = document.getElementById(link.hash.slice(1));
    if (field?.matches("input, select, textarea")) { field.setAttribute("aria-invalid", "true"); field.classList.add("is-invalid"); }
  }
}

// The search box is no field of the recipe: it neither saves nor sends.
document.addEventListener("change", (event) => { if (event.target.matches?.("[data-filter]")) event.stopPropagation(); }, true);
document.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.matches?.("[data-filter]")) event.preventDefault(); });

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.formAction.endsWith("/start/")) return;
  if (button.dataset.sent) return event.preventDefault();
  button.dataset.sent = "1";
  button.classList.add("disabled");
});
addEventListener("pageshow", () => { for (const b of document.querySelectorAll("[data-sent]")) { delete b.dataset.sent; b.classList.remove("disabled"); } });
mark();

// 4. The list of methods narrows while one types; without this, groups and their links do the same by hand.
document.addEventListener("input", (event) => {
  const box = event.target;
  if (!box.matches?.("[data-filter]")) return;
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of document.querySelectorAll(box.dataset.filter)) {
    const text = item.textContent.toLowerCase();
    item.hidden = !words.every((word) => text.includes(word));
  }
  for (const group of document.querySelectorAll(box.dataset.filterGroups)) group.hidden = !group.querySelector(`${box.dataset.filter}:not([hidden])`);
});
