// Keeps a run page live. The stream says what changed; the changed parts of the page are fetched again whole, so a
// reconnect can neither lose nor repeat a line. Without this script the page reloads itself.
// Each part is the source of its own request: htmx keeps only the newest of several requests of one element.
const page = document.getElementById("run");
const PARTS = {
  state: ["header", "actions", "timeline"], phase: ["header", "timeline", "curves"], checkpoint: ["timeline"], error: ["header", "timeline"],
  alarm: ["alarms", "timeline"], sample: ["samples"], reason: ["choices"], log: ["log"], report: ["report"], run: ["header", "actions", "calls", "gate"],
  rows: ["rows"], round: ["rounds"], review: ["gate"], "end-rounds": ["rounds", "timeline"],
};
const wanted = new Set();
const last = {};
let timer;

function fetchPart(name) {
  const target = document.getElementById(`part-${name}`);
  if (!target) return;
  const log = name === "log" ? target : null;
  const follow = log && log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  window.htmx.ajax("GET", page.dataset.parts.replace("NAME", name), { source: target, target, swap: "outerHTML" }).then(() => {
    if (follow) toEnd();
  });
}

function toEnd() {
  const log = document.getElementById("part-log");
  if (log) log.scrollTop = log.scrollHeight;
}

function flush() {
  timer = null;
  for (const name of wanted) fetchPart(name);
  wanted.clear();
}

function changed(names) {
  for (const name of names) wanted.add(name);
  timer ??= setTimeout(flush, 300);
}

// Curves are drawn again from new numbers at most every three seconds; the figures themselves stay.
function curves() {
  const now = Date.now();
  if (now - (last.curves ?? 0) < 3000) return;
  last.curves = now;
  const figures = document.querySelectorAll("#part-curves [data-chart]");
  if (!figures.length) changed(["curves"]);
  for (const figure of figures) figure.dispatchEvent(new Event("chart:refresh"));
  if (document.getElementById("part-numbers")?.closest("details")?.open) changed(["numbers"]);
}

function listen() {
  const source = new EventSource(page.dataset.stream);
  for (const [type, names] of Object.entries(PARTS)) {
    source.addEventListener(type, () => {
      changed(names);
      if (type === "run") curves();
    });
  }
  source.addEventListener("end", () => {
    source.close();
    changed(["header", "actions", "report", "alarms", "curves", "numbers", "samples", "timeline", "choices", "log", "calls", "rows", "rounds", "gate"]);
  });
}

if (page?.dataset.live) listen();
toEnd();
