// A list narrows while one types in its search box; without this, groups and their links do the same by hand.
const show = () => { for (const box of document.querySelectorAll(".method-find")) box.hidden = false; };
document.addEventListener("htmx:afterSettle", show);
show();

// The search box is no field of the recipe: it neither saves nor sends.
document.addEventListener("change", (event) => { if (event.target.matches?.("[data-filter]")) event.stopPropagation(); }, true);
document.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.matches?.("[data-filter]")) event.preventDefault(); });

document.addEventListener("input", (event) => {
  const box = event.target;
  if (!box.matches?.("[data-filter]")) return;
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const group of document.querySelectorAll(box.dataset.filterGroups)) {
    const title = group.querySelector("h2, h3").textContent.toLowerCase();
    for (const item of group.querySelectorAll(box.dataset.filter)) {
      const text = `${title} ${item.textContent.toLowerCase()}`;
      item.hidden = !words.every((word) => text.includes(word));
      found += !item.hidden;
    }
    group.hidden = !group.querySelector(`${box.dataset.filter}:not([hidden])`);
    if (group.matches("details")) group.open = words.length ? !group.hidden : !!group.querySelector(":checked");
  }
  const said = box.parentElement.querySelector("[aria-live]");
  if (said) said.textContent = !words.length ? "" : found === 1 ? "1 method found." : `${found || "No"} methods found.`;
});
