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
  for (const field of document.querySelectorAll("#board [aria-invalid]")) { field.removeAttribute("aria-invalid"); field.classList.remove("is-invalid"); }
  for (const link of document.querySelectorAll("#problems .problem-text")) {
    const field = document.getElementById(link.hash.slice(1));
    if (field?.matches("input, select, textarea")) { field.setAttribute("aria-invalid", "true"); field.classList.add("is-invalid"); }
  }
}

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.formAction.endsWith("/start/")) return;
  if (button.dataset.sent) return event.preventDefault();
  button.dataset.sent = "1";
  button.classList.add("disabled");
});
addEventListener("pageshow", () => { for (const b of document.querySelectorAll("[data-sent]")) { delete b.dataset.sent; b.classList.remove("disabled"); } });
mark();
