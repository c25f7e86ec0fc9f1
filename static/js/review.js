// Review desk: keys for what the buttons do, and painting of the answer. Everything works without this as forms.
const form = document.getElementById("desk");
const said = document.getElementById("desk-said");
const say = (text) => { if (said) { said.textContent = ""; requestAnimationFrame(() => { said.textContent = text; }); } };
const typing = (el) => el?.matches?.("input, textarea, select, [contenteditable]");

// -- painting: characters are code points, as the server counts them --------------------------------------------------------
class Paint {
  constructor(box) {
    this.box = box;
    this.surface = box.querySelector("[data-paint]");
    this.lines = box.querySelector("[data-spans]");
    this.answer = document.getElementById("answer");
    this.here = 0; this.from = null;
    for (const part of box.querySelectorAll("[data-tools]")) part.hidden = false;
    this.surface.hidden = false;
    this.surface.addEventListener("keydown", (e) => this.key(e));
    this.surface.addEventListener("mouseup", () => this.mouse());
    box.querySelector("[role=toolbar]").addEventListener("click", (e) => { const b = e.target.closest("[data-weight]"); if (b) this.give(Number(b.dataset.weight)); });
    this.lines.addEventListener("input", () => this.draw());
    this.answer.addEventListener("input", () => this.edited());
    this.text = this.answer.value;
    this.draw();
  }

  spans() {
    return [...this.lines.rows].map((row) => {
      const [a, b, w] = ["start", "end", "weight"].map((n) => row.querySelector(`[name=span-${n}]`).value.trim());
      return a && b ? { a: Number(a), b: Number(b), w: Number(w) } : null;
    }).filter((s) => s && s.b > s.a);
  }

  write(spans) {
    const merged = [];
    for (const s of spans.filter((x) => x.w !== 1 && x.b > x.a).sort((x, y) => x.a - y.a)) {
      const last = merged.at(-1);
      if (last && last.b === s.a && last.w === s.w) last.b = s.b; else merged.push({ ...s });
    }
    while (this.lines.rows.length < merged.length) this.lines.append(this.lines.rows[0].cloneNode(true));
    [...this.lines.rows].forEach((row, n) => {
      const s = merged[n];
      const put = (name, value) => { row.querySelector(`[name=span-${name}]`).value = value; };
      put("start", s ? s.a : ""); put("end", s ? s.b : ""); put("weight", s ? s.w : 0); put("phrase", "");
      for (const [name, words] of [["start", "from character"], ["end", "to character"], ["weight", "weight"], ["phrase", "or the words themselves"]]) row.querySelector(`[name=span-${name}]`).setAttribute("aria-label", `Span ${n + 1}: ${words}`);
    });
    this.draw();
  }

  draw() {
    const points = [...this.answer.value];
    const weight = new Array(points.length).fill(1);
    for (const row of this.lines.rows) {
      const [a, b] = ["start", "end"].map((n) => row.querySelector(`[name=span-${n}]`).value);
      row.querySelector("[name=span-phrase]").placeholder = a && b ? points.slice(Number(a), Number(b)).join("") : "";
    }
    for (const s of this.spans()) for (let i = s.a; i < Math.min(s.b, points.length); i++) weight[i] = s.w;
    const pieces = [...this.answer.value.matchAll(/\s+|[^\s]+/gu)];
    this.words = []; this.surface.textContent = "";
    let at = 0;
    for (const piece of pieces) {
      const letters = [...piece[0]];
      const blank = !piece[0].trim();
      const word = { a: at, b: at + letters.length, parts: [], blank };
      for (let i = 0; i < letters.length;) {
        let j = i + 1;
        while (j < letters.length && weight[at + j] === weight[at + i]) j++;
        const span = document.createElement("span");
        span.textContent = letters.slice(i, j).join("");
        span.dataset.at = at + i;
        const w = weight[at + i];
        if (w === 0) span.className = "is-ignored"; else if (w > 1) { span.className = "is-heavy"; span.title = `weight ${w}`; } else if (w < 1) { span.className = "is-light"; span.title = `weight ${w}`; }
        word.parts.push(span); this.surface.append(span);
        i = j;
      }
      at = word.b;
      if (!blank) this.words.push(word);
    }
    this.here = Math.min(this.here, Math.max(0, this.words.length - 1));
    this.mark();
  }

  mark() {
    for (const el of this.surface.querySelectorAll(".is-here, .is-marked")) el.classList.remove("is-here", "is-marked");
    const [low, high] = this.range();
    this.words.forEach((w, n) => { if (this.from !== null && n >= low && n <= high) w.parts.forEach((p) => p.classList.add("is-marked")); });
    this.words[this.here]?.parts.forEach((p) => p.classList.add("is-here"));
    this.words[this.here]?.parts[0].scrollIntoView({ block: "nearest" });
  }

  range() { const from = this.from ?? this.here; return [Math.min(from, this.here), Math.max(from, this.here)]; }

  tell() {
    const [low, high] = this.range();
    const text = this.words.slice(low, high + 1).map((w) => w.parts.map((p) => p.textContent).join("")).join(" ");
    const state = this.words[this.here]?.parts.map((p) => p.className).join(" ") || "";
    say(`${text}${state.includes("is-ignored") ? ", ignored" : state.includes("is-heavy") ? ", weighs more" : ""}`);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const jump = { Home: 0, End: this.words.length - 1 }[event.key];
    if (step !== undefined || jump !== undefined) {
      if (event.shiftKey) this.from ??= this.here; else this.from = null;
      this.here = Math.max(0, Math.min(this.words.length - 1, jump ?? this.here + step));
      this.picked = null; this.mark(); this.tell();
    } else if (/^[0-9]$/.test(event.key)) this.give(Number(event.key));
    else if (event.key === "Delete" || event.key === "Backspace") this.give(1);
    else if (event.key === "Escape") { this.from = null; this.picked = null; this.mark(); focusDesk(); }
    else return;
    event.preventDefault(); event.stopPropagation();
  }

  mouse() {
    const chosen = getSelection();
    if (!chosen.rangeCount || chosen.isCollapsed || !this.surface.contains(chosen.anchorNode) || !this.surface.contains(chosen.focusNode)) return;
    const place = (node, offset) => {
      const span = (node.nodeType === 3 ? node.parentElement : node).closest("[data-at]");
      if (!span) return offset ? [...this.answer.value].length : 0;
      return Number(span.dataset.at) + [...span.textContent.slice(0, node.nodeType === 3 ? offset : 0)].length;
    };
    const ends = [place(chosen.anchorNode, chosen.anchorOffset), place(chosen.focusNode, chosen.focusOffset)].sort((x, y) => x - y);
    this.picked = ends;
    say(`${ends[1] - ends[0]} characters marked: ${chosen.toString()}`);
  }

  give(weight) {
    if (!this.words.length) return;
    const [low, high] = this.range();
    const [a, b] = this.picked ?? [this.words[low].a, this.words[high].b];
    const left = [];
    for (const s of this.spans()) {
      if (s.b <= a || s.a >= b) { left.push(s); continue; }
      if (s.a < a) left.push({ a: s.a, b: a, w: s.w });
      if (s.b > b) left.push({ a: b, b: s.b, w: s.w });
    }
    left.push({ a, b, w: weight });
    const words = [...this.answer.value].slice(a, b).join("");
    this.write(left);
    this.from = null; this.picked = null; getSelection().removeAllRanges(); this.mark();
    changed();
    say(weight === 0 ? `Ignored: ${words}` : weight === 1 ? `Learnt as always: ${words}` : `Weight ${weight}: ${words}`);
  }

  edited() {
    if (this.text !== this.answer.value && this.spans().length) { this.write([]); say("The painted spans were taken away: they belong to the answer as it was."); }
    this.text = this.answer.value;
    this.draw(); changed();
  }

  open() { this.box.open = true; this.surface.focus(); this.mark(); this.tell(); }
}

function focusDesk() { document.getElementById("content").focus(); }

// "Accept" says what it keeps once something was changed.
const first = form ? new FormData(form) : null;
function changed() {
  const label = form.querySelector("[data-accept]");
  if (!label) return;
  const now = new FormData(form);
  const watched = [...new Set([...first.keys(), ...now.keys()])].filter((k) => /^(answer|turn-|span-)/.test(k));
  const value = (data, key) => JSON.stringify(data.getAll(key).filter((v) => v !== "" && !(key === "span-weight" && v === "0")));
  label.textContent = watched.some((k) => value(first, k) !== value(now, k)) ? "Keep changes" : "Accept";
}

function start() {
  const paint = new Paint(document.getElementById("paint"));
  form.addEventListener("input", changed);
  const problem = document.getElementById("problem");
  if (problem) problem.focus(); else focusDesk();
  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button?.value === "reject" && button.name === "verdict" && !form.reason.value && !form["other-reason"].value.trim()) {
      event.preventDefault(); form.reason.focus(); say("Choose a reason, then press Enter or R again."); return;
    }
    if (form.dataset.sent) event.preventDefault();
    else form.dataset.sent = "1";
  });
  addEventListener("pageshow", () => { delete form.dataset.sent; });
  form.reason?.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === "r") { event.preventDefault(); if (form.reason.value) press("r"); } });
  form["other-reason"]?.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); press("r"); } });
  form.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.matches("input") && !(event.ctrlKey || event.metaKey)) event.preventDefault(); });
  const press = (key) => form.querySelector(`button[data-key="${key}"]`)?.click();

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); press("a"); return; }
    if (event.key === "Escape" && typing(event.target)) { event.target.blur(); focusDesk(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    const target = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (!target || target.disabled) return;
    event.preventDefault();
    if (target.dataset.focus === "answer") { const a = document.getElementById("answer"); a.focus(); a.select(); return; }
    if (target.dataset.focus === "paint") { paint.open(); return; }
    if (target.dataset.dialog) { document.getElementById(target.dataset.dialog).showModal(); return; }
    target.click();
  });
  for (const link of document.querySelectorAll("[data-focus], [data-dialog]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      if (link.dataset.focus === "paint") paint.open();
      else if (link.dataset.focus) document.getElementById(link.dataset.focus).focus();
      else document.getElementById(link.dataset.dialog).showModal();
    });
  }
}
if (form?.querySelector("#paint .paint-surface") && !document.getElementById("answer").readOnly) start();

// -- table: tick all, and how many are ticked -------------------------------------------------------------------------------
const bulk = document.getElementById("bulk");
if (bulk) {
  const all = bulk.querySelector("[data-all]");
  const boxes = [...bulk.querySelectorAll("input[name=item]")];
  const count = () => { const n = boxes.filter((b) => b.checked).length; const place = bulk.querySelector("[data-ticked]"); if (place) place.textContent = n ? `${n} ticked.` : ""; };
  if (all) { all.hidden = false; all.addEventListener("change", () => { for (const b of boxes) b.checked = all.checked; count(); }); }
  bulk.addEventListener("change", count);
}
