"use strict";
// Draws the figure that the page carries as JSON. The numbers were made on the server; here only the theme's
// colours are added, and again when the theme changes.
(() => {
  const chart = document.getElementById("chart");
  const data = document.getElementById("figure");
  if (!chart || !data || !window.Plotly) return;
  const figure = JSON.parse(data.textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 640px)");

  const themed = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { gridcolor: colour("--grid"), linecolor: colour("--line"), zerolinecolor: colour("--line") };
    const days = figure.layout.xaxis.tickvals;
    const every = narrow.matches ? Math.ceil(days.length / 5) : 1;
    return {
      ...figure.layout,
      height: narrow.matches ? 320 : 360,
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("--soft") },
      hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
      xaxis: { ...figure.layout.xaxis, ...axis, tickvals: days.filter((_, at) => at % every === 0) },
      yaxis: { ...figure.layout.yaxis, ...axis },
    };
  };
  const draw = () => window.Plotly.react(chart, figure.data, themed(), {
    displaylogo: false,
    responsive: true,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
  });
  draw().then(() => { chart.dataset.drawn = "true"; });
  dark.addEventListener("change", draw);
  narrow.addEventListener("change", draw);
})();
