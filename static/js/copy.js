// Buttons that copy the text of another element: <button data-copy="id" hidden>. Without this script they stay hidden.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  const before = button.innerHTML;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.innerHTML = before; }, 1500);
  });
}
