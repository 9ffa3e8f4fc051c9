"use strict";
(() => {
  const root = document.documentElement;
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 40rem)");
  let chosen = null;
  let equityAxis = "linear";

  const colour = (role) => getComputedStyle(root).getPropertyValue("--" + role).trim();

  // "role:blue" is the theme's blue, "role:blue/0.25" the same, translucent.
  const resolve = (text) => {
    const [role, alpha] = text.slice(5).split("/");
    const hex = colour(role);
    return alpha ? hex + Math.round(255 * alpha).toString(16).padStart(2, "0") : hex;
  };
  const paint = (value) => {
    if (typeof value === "string") return value.startsWith("role:") ? resolve(value) : value;
    if (Array.isArray(value)) {
      // Long lists of numbers are left alone; lists of lists and the pairs of a colour scale are not.
      return (typeof value[0] === "object" && value[0]) || typeof value[1] === "string" ? value.map(paint) : value;
    }
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, paint(inner)]));
    }
    return value;
  };

  // Dates by the ISO, from coarse to fine; a template may not hold a list, so each axis is given it.
  const dates = {
    hoverformat: "%Y-%m-%d %H:%M",
    tickformatstops: [
      { dtickrange: [null, 86399999], value: "%H:%M\n%Y-%m-%d" },
      { dtickrange: [86400000, 2419200000], value: "%m-%d\n%Y" },
      { dtickrange: ["M1", "M12"], value: "%Y-%m" },
      { dtickrange: ["M12", null], value: "%Y" },
    ],
  };

  const template = () => {
    const axis = {
      gridcolor: colour("rule"), zerolinecolor: colour("soft"), linecolor: colour("rule"),
      zeroline: false, automargin: true, tickfont: { size: 11 },
    };
    return {
      layout: {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "x unified",
        font: { family: getComputedStyle(document.body).fontFamily, color: colour("ink"), size: 12 },
        hoverlabel: { bgcolor: colour("card"), bordercolor: colour("rule"), font: { color: colour("ink") } },
        margin: { l: 8, r: 12, t: 26, b: 8 },
        // Clear ticks push the labels below those of a y axis that ends at the corner.
        xaxis: { ...axis, nticks: narrow.matches ? 4 : 9, ticks: "outside", ticklen: 8, tickcolor: "rgba(0,0,0,0)" },
        yaxis: { ...axis, fixedrange: true },
      },
    };
  };

  const draw = () => {
    root.dataset.theme = chosen || (dark.matches ? "dark" : "light");
    const toggle = document.getElementById("theme");
    const other = root.dataset.theme === "dark" ? "light" : "dark";
    toggle.textContent = other === "dark" ? "Dark" : "Light";
    toggle.setAttribute("aria-label", "Show in " + other + " colours");
    const shared = template();
    for (const [name, chart] of Object.entries(charts)) {
      const layout = { ...paint(chart.layout), template: shared, height: chart.height, autosize: true };
      layout.xaxis = { ...layout.xaxis, ...(layout.xaxis.type === "date" ? dates : {}) };
      // A finger that scrolls the page must not zoom a chart.
      layout.dragmode = narrow.matches ? false : "zoom";
      if (name === "equity") {
        layout.yaxis = { ...layout.yaxis, type: equityAxis };
        if (equityAxis === "log") layout.yaxis.tickvals = chart.log_ticks;
      }
      const config = { responsive: true, displaylogo: false, displayModeBar: false };
      Plotly.react("chart-" + name, paint(chart.data), layout, config);
    }
  };

  document.getElementById("theme").addEventListener("click", () => {
    chosen = root.dataset.theme === "dark" ? "light" : "dark";
    draw();
  });
  for (const button of document.querySelectorAll("[data-scale]")) {
    button.addEventListener("click", () => {
      equityAxis = button.dataset.scale;
      for (const each of document.querySelectorAll("[data-scale]")) {
        each.setAttribute("aria-pressed", String(each === button));
      }
      draw();
    });
  }
  dark.addEventListener("change", draw);
  narrow.addEventListener("change", draw);
  draw();
  root.dataset.ready = "yes";
})();
