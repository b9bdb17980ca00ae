// Draws API calls over time from the table beside it, which says the same to everybody who does not see the chart.
import uPlot from "./vendor/uplot/uPlot.esm.js";

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
    axes: [{ stroke: color }, { stroke: color, size: 60 }],
    series: [{}, { label: place.dataset.title, stroke: color, width: 2, paths: uPlot.paths.stepped({ align: 1 }) }],
    legend: { show: false },
  };
  const chart = new uPlot(options, read(table), place);
  addEventListener("resize", () => chart.setSize({ width: Math.max(280, place.clientWidth), height: 220 }));
}
