"use strict";
// Draws the figures that the page carries as JSON, one in each .chart. The numbers were made on the server; here only
// the theme's colours are added, and again when the theme changes. On phones the panels begin closed.
(() => {
  const narrow = window.matchMedia("(max-width: 640px)");
  if (narrow.matches) document.querySelectorAll("details.panel").forEach((panel) => { panel.open = false; });
  if (!window.Plotly) return;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  const themed = (layout) => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { gridcolor: colour("--grid"), linecolor: colour("--line"), zerolinecolor: colour("--line") };
    return {
      ...layout,
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow.matches ? 11 : 12, color: colour("--soft") },
      hoverlabel: { align: "left", bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
      xaxis: { ...layout.xaxis, ...axis, nticks: narrow.matches ? 4 : 12 },
      yaxis: { ...layout.yaxis, ...axis },
    };
  };
  for (const chart of document.querySelectorAll(".chart[data-figure]")) {
    const figure = JSON.parse(document.getElementById(chart.dataset.figure).textContent);
    const draw = () => window.Plotly.react(chart, figure.data, themed(figure.layout), {
      displaylogo: false,
      displayModeBar: false,
      responsive: true,
    });
    draw().then(() => { chart.dataset.drawn = "true"; });
    dark.addEventListener("change", draw);
    narrow.addEventListener("change", draw);
  }
})();
