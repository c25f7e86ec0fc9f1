// Curves with uPlot. A figure says where its numbers are; the same numbers stand in a table for people without this script.
//   <figure class="chart" data-chart data-url="/runs/../curves.json" data-log="y"></figure>            fetched
//   <figure class="chart" data-chart data-json="element-id" ></figure>                               a json_script on the page
// The JSON: {x: [steps], x_label, y_label, series: [{label, role, values: [number|null], dash: bool}]}
// role: base, control, student, teacher, or empty (neutral). Dispatch "chart:refresh" on the figure to fetch again.
const library = new URL("../vendor/uplot.min.js", import.meta.url).href;
let loading;

function load() {
  if (window.uPlot) return Promise.resolve();
  loading ??= new Promise((done, failed) => {
    const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: library.replace("uplot.min.js", "uplot.min.css") });
    const script = Object.assign(document.createElement("script"), { src: library, onload: done, onerror: failed });
    document.head.append(sheet, script);
  });
  return loading;
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Custom properties keep light-dark() unresolved; a probe element gives the colour in force.
function colour(name) {
  const probe = document.createElement("i");
  probe.className = `probe-${name}`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

const short = (v) => v === null || v === undefined ? "–" : Math.abs(v) >= 1e4 || (Math.abs(v) < 1e-3 && v !== 0) ? v.toExponential(1) : String(Number(v.toPrecision(4)));

function options(data, figure) {
  const text = colour("text"), grid = colour("grid"), font = `12px ${css("--tblr-font-sans-serif") || "sans-serif"}`;
  const axis = (label, size) => ({ stroke: text, font, label, labelFont: font, labelSize: 20, size, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 }, values: (_, ticks) => ticks.map(short) });
  return {
    width: figure.clientWidth, height: Number(figure.dataset.height || 220),
    cursor: { points: { size: 6 } }, legend: { live: true },
    scales: { x: { time: false }, y: figure.dataset.log === "y" ? { distr: 3 } : {} },
    axes: [axis(data.x_label || "step", 44), axis(data.y_label || "", 64)],
    series: [{ label: data.x_label || "step", value: (_, v) => short(v) }, ...data.series.map((s) => ({
      label: s.label, stroke: colour(s.role || "text"), width: 2, dash: s.dash ? [5, 4] : undefined, spanGaps: true,
      points: { show: data.x.length < 3 }, value: (_, v) => short(v),
    }))],
  };
}

async function numbers(figure) {
  if (figure.dataset.json) return JSON.parse(document.getElementById(figure.dataset.json).textContent);
  const answer = await fetch(figure.dataset.url, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer.json();
}

async function draw(figure) {
  try {
    const [data] = await Promise.all([numbers(figure), load()]);
    const columns = [data.x, ...data.series.map((s) => s.values)];
    const shape = data.series.map((s) => s.label).join("|");
    if (figure.plot && figure.dataset.shape === shape) return figure.plot.setData(columns);
    figure.plot?.destroy();
    figure.dataset.shape = shape;
    if (!data.x.length) return;
    figure.plot = new window.uPlot(options(data, figure), columns, figure);
  } catch {
    figure.classList.add("chart-failed");
  }
}

function start(root) {
  for (const figure of root.querySelectorAll?.("[data-chart]:not([data-ready])") ?? []) {
    figure.dataset.ready = "1";
    draw(figure);
    figure.addEventListener("chart:refresh", () => draw(figure));
    new ResizeObserver(() => figure.plot?.setSize({ width: figure.clientWidth, height: Number(figure.dataset.height || 220) })).observe(figure);
  }
}

start(document);
document.addEventListener("htmx:load", (event) => start(event.target));
new MutationObserver(() => {
  for (const figure of document.querySelectorAll("[data-chart]")) { figure.plot?.destroy(); figure.plot = null; draw(figure); }
}).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
