"use strict";
// Draws the figures that the page carries as JSON, one in each .chart. The numbers were made on the server; here only
// the theme's colours are added, and again when the theme changes or the page is printed. A click on a bar or a point goes to the address that
// the figure gives it (customdata). On phones the panels begin closed.
(() => {
  const narrow = window.matchMedia("(max-width: 640px)");
  if (narrow.matches) document.querySelectorAll("details.panel").forEach((panel) => { panel.open = false; });
  if (!window.Plotly) return;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const paper = window.matchMedia("print");
  const PAPER_WIDTH = 980; // pixels, of A4 across

  const thinned = (axis) => {
    if (!axis.tickvals || !narrow.matches) return axis;
    const every = Math.ceil(axis.tickvals.length / (axis.type === "category" ? 7 : 5)); // names are turned, days are not
    const kept = (values) => values && values.filter((_, at) => at % every === 0);
    return { ...axis, tickvals: kept(axis.tickvals), ticktext: kept(axis.ticktext) };
  };
  const axes = (layout, lines) => Object.fromEntries(
    Object.entries({ xaxis: {}, yaxis: {}, ...layout })
      .filter(([name]) => /^[xy]axis\d*$/.test(name))
      .map(([name, axis]) => {
        const ticks = name.startsWith("x") && !axis.tickvals ? { nticks: narrow.matches ? 4 : 12 } : {};
        return [name, { ...ticks, ...(name.startsWith("x") ? thinned(axis) : axis), ...lines }];
      }),
  );
  // The figure's own changes for a phone (figure.narrow), part by part.
  const fitted = ({ layout, narrow: changes }) => {
    if (!narrow.matches || !changes) return layout;
    const merged = (name, value) => (value && typeof value === "object" ? { ...layout[name], ...value } : value);
    return { ...layout, ...Object.fromEntries(Object.entries(changes).map(([name, value]) => [name, merged(name, value)])) };
  };
  // Charts of rows are as high as their rows need; the others are lower on a phone.
  const height = (layout) => {
    const rows = (layout.yaxis || {}).type === "category";
    return narrow.matches && layout.height && !rows ? Math.min(layout.height, 320) : layout.height;
  };
  const themed = (layout) => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    return {
      ...layout,
      ...(paper.matches ? { width: PAPER_WIDTH } : {}),
      height: height(layout),
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow.matches ? 11 : 12, color: colour("--soft") },
      hoverlabel: { align: "left", bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
      ...axes(layout, { gridcolor: colour("--grid"), linecolor: colour("--line"), zerolinecolor: colour("--line") }),
    };
  };
  const address = ({ data, pointNumber }) => {
    const said = Array.isArray(data.customdata) ? data.customdata[pointNumber] : null;
    const found = Array.isArray(said) ? said[1] : null;
    return typeof found === "string" && /^(\?|\/(?![/\\]))/.test(found) ? found : null;
  };
  const drawn = (chart) => {
    const figure = JSON.parse(document.getElementById(chart.dataset.figure).textContent);
    const draw = () => {
      const layout = themed(fitted(figure));
      chart.style.minHeight = layout.height ? `${layout.height}px` : "";
      return window.Plotly.react(chart, figure.data, layout, {
        displaylogo: false,
        displayModeBar: false,
        responsive: true,
      });
    };
    draw().then(() => {
      chart.dataset.drawn = "true";
      chart.on("plotly_hover", ({ points: [point] }) => chart.classList.toggle("on-bar", address(point) !== null));
      chart.on("plotly_unhover", () => chart.classList.remove("on-bar"));
      chart.on("plotly_click", ({ points: [point] }) => {
        const found = address(point);
        if (found !== null) window.location.assign(found);
      });
    });
    dark.addEventListener("change", draw);
    narrow.addEventListener("change", draw);
    paper.addEventListener("change", () => draw().then(() => paper.matches || window.Plotly.Plots.resize(chart)));
  };
  document.querySelectorAll(".chart[data-figure]").forEach(drawn);
})();
