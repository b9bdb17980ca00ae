// Draws API calls over time from the table beside it, which says the same to everybody who does not see the chart.
import uPlot from "./vendor/uplot/uPlot.esm.js";

// As the page's other times (times.js), in the page's language.
const language = document.documentElement.lang;
const locale = navigator.languages.find((each) => each.split("-")[0] === language) ?? language;
const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const hour = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const calls = new Intl.NumberFormat(locale);
const DAY_S = 86_400;

function read(table) {
  const rows = [...table.querySelectorAll("tr[data-at]")].reverse();
  const number = (text) => Number(text.replaceAll(/\D/g, ""));
  return [rows.map((row) => Number(row.dataset.at)), rows.map((row) => number(row.cells[1].textContent))];
}

for (const place of document.querySelectorAll("[data-chart]")) {
  const table = document.getElementById(place.dataset.chart);
  const color = getComputedStyle(place).color;
  const options = {
    width: Math.max(280, place.clientWidth),
    height: 220,
    title: place.dataset.title,
    scales: { y: { range: (_chart, _least, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [
      { stroke: color, space: 90, values: (_chart, at, _axis, _space, step_s) => at.map((each) => (step_s < DAY_S ? hour : day).format(each * 1000)) },
      { stroke: color, size: 60, values: (_chart, numbers) => numbers.map((each) => calls.format(each)) },
    ],
    series: [{}, { label: place.dataset.title, stroke: color, width: 2, paths: uPlot.paths.stepped({ align: 1 }) }],
    legend: { show: false },
  };
  const chart = new uPlot(options, read(table), place);
  addEventListener("resize", () => chart.setSize({ width: Math.max(280, place.clientWidth), height: 220 }));
}
