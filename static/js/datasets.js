// Upload page: drop a file anywhere on the box, refuse early what is over the limit, show how far the upload is.
const form = document.querySelector("[data-upload]");

function dropInto(box, input) {
  const over = (on) => (event) => { event.preventDefault(); box.classList.toggle("is-over", on); };
  box.addEventListener("dragover", over(true));
  box.addEventListener("dragleave", over(false));
  box.addEventListener("drop", (event) => {
    over(false)(event);
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

function refuseTooLarge(input, limit) {
  const file = input.files[0];
  const mebibytes = (n) => Math.round(n / 1048576).toLocaleString("en");
  input.setCustomValidity(file && file.size > limit ? `This file has ${mebibytes(file.size)} MiB; the limit is ${mebibytes(limit)} MiB. Upload it in parts, or compress it with gzip.` : "");
  return input.reportValidity();
}

// XMLHttpRequest, because fetch cannot tell how much of a body has left. The answer is a whole page, shown as one.
function send(form, bar) {
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.upload.addEventListener("progress", (e) => { if (e.lengthComputable) bar.value = (100 * e.loaded) / e.total; });
  request.upload.addEventListener("load", () => bar.removeAttribute("value"));
  request.addEventListener("load", () => {
    if (request.status < 400 && request.responseURL !== form.action) { window.location.assign(request.responseURL); return; }
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const fresh = page.querySelector("#content");
    if (!fresh) { form.submit(); return; }
    document.querySelector("#content").replaceWith(document.adoptNode(fresh));
    start();
    document.querySelector("#content [role=alert]")?.scrollIntoView({ block: "center" });
  });
  request.addEventListener("error", () => form.submit());
  request.send(new FormData(form));
}

function start() {
  const form = document.querySelector("[data-upload]");
  if (!form) return;
  const input = form.querySelector("input[type=file]");
  const bar = form.querySelector("[data-progress]");
  dropInto(form.querySelector("[data-drop]"), input);
  input.addEventListener("change", () => refuseTooLarge(input, Number(form.dataset.limit)));
  form.addEventListener("submit", (event) => {
    if (!input.files.length) return;
    event.preventDefault();
    bar.hidden = false;
    form.querySelector("button[type=submit]").disabled = true;
    send(form, bar);
  });
}

if (form) start();

// Mapping page: the check runs by itself after each change, so its button is only for pages without JavaScript.
function hideCheck() {
  document.querySelectorAll("[data-check]").forEach((button) => { button.hidden = Boolean(window.htmx); });
}
hideCheck();
document.addEventListener("htmx:afterSwap", hideCheck);
