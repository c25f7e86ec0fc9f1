// A cut in the lengths of rows: the slider, the chart and the number are one value; what it costs is read off the numbers
// that the page brought along, so nothing is asked of the server while one drags. Without this, the form beside it does it.
const words = (n) => Number(n).toLocaleString("en");

function costAt(costs, cut) {
  let low = 0, high = costs.steps.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (costs.steps[middle][0] <= cut) low = middle; else high = middle - 1;
  }
  const [at, over, tokens, alone] = costs.steps[low];
  return { at: costs.exact || low === costs.steps.length - 1 ? Math.max(cut, at) : at, over, tokens, alone };
}

function show(figure, cut) {
  const range = figure.querySelector("[data-cut-range]"), found = costAt(figure.costs, Math.max(cut, Number(range.dataset.least))), number = figure.querySelector("[data-cut-number]");
  const box = figure.querySelector("svg").viewBox.baseVal, x = box.width * Math.min(1, found.at / Number(range.max));
  const put = (name, value) => { const place = figure.querySelector(`[data-cut-${name}]`); if (place) place.textContent = words(value); };
  put("at", found.at); put("over", found.over); put("tokens", found.tokens); put("alone", found.alone);
  for (const name of ["rows", "lost"]) {
    const link = figure.querySelector(`[data-cut-${name}]`);
    if (link) link.href = link.dataset.href + found.at;
  }
  const use = figure.querySelector("[data-cut-use]");
  if (use) use.value = found.at;
  for (const end of ["x1", "x2"]) figure.querySelector("[data-cut-line]").setAttribute(end, x);
  const shade = figure.querySelector("[data-cut-shade]");
  shade.setAttribute("x", x);
  shade.setAttribute("width", box.width - x);
  range.value = found.at;
  range.setAttribute("aria-valuetext", `${words(found.at)} tokens, ${words(found.over)} rows cut, ${words(found.alone)} of them lose their answer whole`);
  if (document.activeElement !== number) number.value = found.at;
}

function ready(figure) {
  const range = figure.querySelector("[data-cut-range]"), number = figure.querySelector("[data-cut-number]"), chart = figure.querySelector("svg");
  figure.costs = JSON.parse(document.getElementById(figure.dataset.cut).textContent);
  range.hidden = false;
  chart.dataset.ready = "1";
  range.addEventListener("input", () => show(figure, Number(range.value)));
  number.addEventListener("input", () => { if (number.checkValidity() && number.value) show(figure, Number(number.value)); });
  figure.querySelector("[data-cut-show]").hidden = true;
  figure.querySelector("form.cut-form").addEventListener("submit", (event) => { event.preventDefault(); event.stopImmediatePropagation(); number.blur(); }, true);
  const drag = (event) => {
    const box = chart.getBoundingClientRect();
    show(figure, Math.max(0, Math.round(((event.clientX - box.left) / box.width) * Number(range.max))));
  };
  chart.addEventListener("pointerdown", (event) => { chart.setPointerCapture(event.pointerId); drag(event); });
  chart.addEventListener("pointermove", (event) => { if (chart.hasPointerCapture(event.pointerId)) drag(event); });
  show(figure, Number(number.value));
}

function start(root) {
  for (const figure of root.querySelectorAll?.("[data-cut]") ?? []) {
    if (figure.costs) continue;
    ready(figure);
  }
}

start(document);
document.addEventListener("htmx:load", (event) => start(event.target));
