// Mapping page: the check runs by itself after each change, so its button is only for pages without JavaScript.
function hideCheck() {
  document.querySelectorAll("[data-check]").forEach((button) => { button.hidden = Boolean(window.htmx); });
}
hideCheck();
document.addEventListener("htmx:afterSwap", hideCheck);
