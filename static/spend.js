"use strict";
// Draws the figure that the page carries as JSON. The numbers were made on the server; here only the theme's
// colours are added, and again when the theme changes. A click on a bar leads to its entries. On phones the panels
// begin closed.
(() => {
  const narrow = window.matchMedia("(max-width: 640px)");
  if (narrow.matches) document.querySelectorAll("details.panel").forEach((panel) => { panel.open = false; });

  const chart = document.getElementById("chart");
  const data = document.getElementById("figure");
  if (!chart || !data || !window.Plotly) return;
  const figure = JSON.parse(data.textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

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
  draw().then(() => {
    chart.dataset.drawn = "true";
    chart.on("plotly_hover", () => chart.classList.add("on-bar"));
    chart.on("plotly_unhover", () => chart.classList.remove("on-bar"));
    chart.on("plotly_click", ({ points: [bar] }) => {
      const query = new URLSearchParams(bar.data.meta);
      const day = figure.data[bar.curveNumber].x[bar.pointNumber];
      query.set("from", day);
      query.set("to", day);
      window.location.assign(`${chart.dataset.entries}?${query}`);
    });
  });
  dark.addEventListener("change", draw);
  narrow.addEventListener("change", draw);
})();
