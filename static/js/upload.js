// The upload page: files dropped or chosen go in parts, with rate and time left; lost lines and refreshed pages cost one part.
import { Refused, Sending } from "./sending.js";

const form = document.querySelector("[data-upload]");
const words = (n) => { const units = ["bytes", "KiB", "MiB", "GiB"]; let i = 0; while (n >= 1024 && i < 3) { n /= 1024; i++; } return `${i ? n.toFixed(1) : n} ${units[i]}`; };
const time = (s) => (s < 60 ? `${Math.ceil(s)} s` : s < 3600 ? `${Math.ceil(s / 60)} min` : `${(s / 3600).toFixed(1)} h`);
const make = (tag, css, text = "") => { const e = document.createElement(tag); e.className = css; e.textContent = text; return e; };

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

function refusal(files, limit, most) {
  const big = files.find((f) => f.size > limit), empty = files.find((f) => f.size === 0);
  if (files.length > most) return `${files.length} files were chosen; at most ${most} are taken at once. Choose fewer, or one zip.`;
  if (big) return `${big.name} has ${words(big.size)}; the limit is ${words(limit)}. Upload it in parts, or compress it with gzip.`;
  return empty ? `${empty.name} is empty (0 bytes). Choose the file again; the copy may have failed.` : "";
}

// One file's line: name, bar, what happens, buttons.
function line(list, file) {
  const box = make("div", "sent"), head = make("div", "sent-head"), name = make("bdi", "sent-name", file.name);
  const bar = make("progress", "upload-progress"), said = make("div", "sent-words", "Waiting"), buttons = make("div", "sent-buttons");
  bar.max = Math.max(1, file.size);
  bar.value = 0;
  bar.setAttribute("aria-label", `Upload of ${file.name}`);
  head.append(name, make("span", "sent-words", words(file.size)));
  box.append(head, bar, said, buttons);
  list.append(box);
  return { box, bar, said, buttons };
}

function button(text, act) {
  const made = make("button", "btn btn-sm", text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

function show(row, state, now) {
  row.box.dataset.state = state;
  row.bar.max = now.total || 1;
  row.bar.value = now.done;
  const share = `${words(now.done)} of ${words(now.total)}`;
  row.said.textContent = {
    checking: `Part of it is here already. Checking that it is the same file: ${share}`,
    sending: `${share}${now.rate ? `, ${words(now.rate)} a second` : ""}${now.seconds ? `, ${time(now.seconds)} left` : ""}`,
    waiting: now.message, paused: `${share}, paused`, finishing: "All is sent. Looking at the rows …",
  }[state];
}

// What became of one file: {id} or {problem}.
async function sendOne(row, file, options, announce) {
  const sending = new Sending(file, { ...options, tell: (state, now) => show(row, state, now) });
  const hold = button("Pause", () => { if (sending.held) { sending.go(); hold.textContent = "Pause"; } else { sending.pause(); hold.textContent = "Go on"; } });
  row.buttons.append(hold, button("Discard", () => sending.stop()));
  try {
    const id = await sending.run();
    row.said.textContent = "Here.";
    announce(`${file.name} is here.`);
    return { id };
  } catch (error) {
    row.box.dataset.state = "refused";
    const problem = sending.stopped ? "Discarded." : error instanceof Refused ? `${error.message} Nothing was kept.` : "It could not be read on this computer. Was it moved or changed?";
    row.said.textContent = problem;
    announce(`${file.name}: ${problem}`);
    return { problem };
  } finally {
    row.buttons.replaceChildren();
  }
}

async function sendAll(files) {
  const list = form.querySelector("[data-sending]"), status = form.querySelector("[data-said]"), submit = form.querySelector("button[type=submit]");
  const options = { api: form.dataset.api, dataset: form.dataset.dataset, token: form.querySelector("[name=csrfmiddlewaretoken]").value };
  list.hidden = false;
  list.replaceChildren();
  submit.disabled = true;
  const rows = files.map((file) => line(list, file)), results = [];
  for (const [i, file] of files.entries()) results.push(await sendOne(rows[i], file, options, (text) => { status.textContent = text; }));
  const made = results.filter((r) => r.id);
  submit.disabled = false;
  if (made.length === 1 && files.length === 1) { window.location.assign(`${form.dataset.confirm}${made[0].id}/`); return; }
  results.forEach((r, i) => {
    if (!r.id) return;
    const link = make("a", "", "Say which column is what");
    link.href = `${form.dataset.confirm}${r.id}/`;
    rows[i].said.replaceChildren(link);
  });
  if (made.length && made.length === files.length) window.location.assign(form.dataset.done);
}

if (form) {
  const input = form.querySelector("input[type=file]");
  const check = () => { input.setCustomValidity(refusal([...input.files], Number(form.dataset.limit), Number(form.dataset.most))); return input.reportValidity(); };
  dropInto(form.querySelector("[data-drop]"), input);
  input.addEventListener("change", check);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!input.files.length) { input.setCustomValidity("Choose a file, or drop one on the box."); input.reportValidity(); return; }
    if (check()) sendAll([...input.files]);
  });
}
