// Draws the charts that a page describes in data attributes. Each chart has a table with the same data.
// Tooltips are rich text: HTML tooltips need inline styles, which the content security policy blocks.
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const drawn = new Map();

function frame() {
  const muted = token("--muted"), line = token("--line");
  return {
    muted, line,
    text: { color: muted, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12 },
    tooltip: { renderMode: "richText", trigger: "axis", backgroundColor: token("--surface"), borderColor: token("--line-strong"), textStyle: { color: token("--ink"), fontSize: 12 } },
  };
}

export function curveOption(series) {
  const look = frame();
  const lineSeries = (name, data, color, wide) => ({ name, type: "line", data, showSymbol: wide, symbolSize: 6, lineStyle: { width: wide ? 2 : 1.5, color }, itemStyle: { color }, animation: false });
  return {
    textStyle: look.text, tooltip: { ...look.tooltip, valueFormatter: (value) => Number(value).toFixed(4) }, aria: { enabled: true },
    legend: { top: 0, left: 0, textStyle: look.text, icon: "roundRect", itemHeight: 4, itemWidth: 16 },
    grid: { left: 8, right: 16, top: 36, bottom: 24, containLabel: true },
    xAxis: { type: "value", name: "step", nameLocation: "middle", nameGap: 26, nameTextStyle: look.text, minInterval: 1, max: "dataMax", axisLabel: { color: look.muted }, axisLine: { lineStyle: { color: look.line } }, splitLine: { show: false } },
    yAxis: { type: "value", scale: true, axisLabel: { color: look.muted }, splitLine: { lineStyle: { color: look.line } } },
    series: [lineSeries("Training loss", series.train, token("--series-1"), false), lineSeries("Validation loss", series.validation, token("--series-3"), true)],
  };
}

function barsOption(data) {
  const look = frame(), colors = [token("--series-1"), token("--series-3"), token("--series-2")];
  return {
    textStyle: look.text, tooltip: { ...look.tooltip, axisPointer: { type: "shadow" } }, aria: { enabled: true },
    legend: { top: 0, left: 0, textStyle: look.text, icon: "roundRect" },
    grid: { left: 8, right: 16, top: 32, bottom: 4, containLabel: true },
    xAxis: { type: "value", minInterval: 1, axisLabel: { color: look.muted }, splitLine: { lineStyle: { color: look.line } } },
    yAxis: { type: "category", inverse: true, data: data.values, axisLabel: { color: token("--ink"), width: 150, overflow: "truncate" }, axisLine: { lineStyle: { color: look.line } }, axisTick: { show: false } },
    series: Object.entries(data.splits).map(([name, counts], at) => ({ name, type: "bar", stack: "all", data: counts, barMaxWidth: 18, itemStyle: { color: colors[at % 3] }, animation: false })),
  };
}

const whole = (value) => (value === null || value === undefined ? "–" : Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ","));

// Approved pairs against a straight line to the target; the forecast interval widens toward the deadline.
function throughputOption(data) {
  const look = frame(), last = data.sum.findLastIndex((value) => value !== null), end = data.days.length - 1, now = data.sum[last];
  const towards = (goal) => data.days.map((_, at) => (at < last ? null : end === last ? goal : now + ((goal - now) * (at - last)) / (end - last)));
  const lineSeries = (name, color, values, style = {}, extra = {}) => ({ name, type: "line", data: values, showSymbol: false, lineStyle: { width: 2, color, ...style }, itemStyle: { color }, animation: false, ...extra });
  const series = [lineSeries("Approved", token("--accent"), data.sum, { width: 3 }), lineSeries("Planned", token("--series-1"), data.line, { type: "dashed", width: 1.5 })];
  if (data.forecast && end > last) {
    const { expected, low, high } = data.forecast, lower = towards(low), upper = towards(high), hidden = { opacity: 0 };
    const band = { stack: "interval", symbol: "none", silent: true, tooltip: { show: false } };
    series.push(lineSeries("Forecast", token("--series-3"), towards(expected), { type: "dotted" }));
    series.push(lineSeries("low", "transparent", lower, hidden, band), lineSeries("high", "transparent", upper.map((value, at) => (value === null ? null : value - lower[at])), hidden, { ...band, areaStyle: { color: token("--series-3"), opacity: 0.18 } }));
  }
  return {
    textStyle: look.text, tooltip: { ...look.tooltip, valueFormatter: whole }, aria: { enabled: true },
    legend: { top: 0, left: 0, textStyle: look.text, icon: "roundRect", itemHeight: 4, itemWidth: 16, data: ["Approved", "Planned", ...(data.forecast && end > last ? ["Forecast"] : [])] },
    grid: { left: 8, right: 28, top: 36, bottom: 8, containLabel: true },
    xAxis: { type: "category", boundaryGap: false, data: data.days.map((day) => new Date(`${day}T00:00Z`).toLocaleDateString("en-US", { day: "numeric", month: "short", timeZone: "UTC" })), axisLabel: { color: look.muted, hideOverlap: true }, axisLine: { lineStyle: { color: look.line } }, axisTick: { show: false } },
    yAxis: { type: "value", minInterval: 1, axisLabel: { color: look.muted, formatter: whole }, splitLine: { lineStyle: { color: look.line } } },
    series,
  };
}

// Domain by language: darker cells have more approved pairs; empty cells show 0.
function heatOption(data) {
  const look = frame(), most = Math.max(1, ...data.cells.map(([, , n]) => n));
  const names = (values) => ({ type: "category", data: values, axisLabel: { color: token("--ink"), width: 140, overflow: "truncate" }, axisLine: { show: false }, axisTick: { show: false }, splitArea: { show: false } });
  return {
    textStyle: look.text, aria: { enabled: true },
    tooltip: { ...look.tooltip, trigger: "item", formatter: ({ value }) => `${data.domains[value[1]]}, ${data.languages[value[0]]}: ${value[2]} approved of ${value[3]} written` },
    grid: { left: 8, right: 8, top: 28, bottom: 4, containLabel: true },
    xAxis: { ...names(data.languages), position: "top" }, yAxis: { ...names(data.domains), inverse: true },
    visualMap: { show: false, min: 0, max: most, dimension: 2, inRange: { color: [token("--sunken"), token("--series-2")] } },
    series: [{ type: "heatmap", data: data.cells.map((value) => ({ value, label: { color: value[2] > most * 0.55 ? token("--accent-ink") : token("--ink") } })), label: { show: true, formatter: ({ value }) => String(value[2]) }, itemStyle: { borderWidth: 3, borderColor: token("--surface"), borderRadius: 4 }, animation: false }],
  };
}

const kinds = { curve: curveOption, bars: barsOption, throughput: throughputOption, heat: heatOption };
const lines = { bars: (data) => 60 + 22 * data.values.length, heat: (data) => 40 + 36 * data.domains.length }; // one line per value, so that names do not overlap

export function draw(box, data) {
  if (!window.echarts) return;
  if (lines[box.dataset.chart]) box.style.height = `${lines[box.dataset.chart](data)}px`;
  const chart = drawn.get(box)?.chart || window.echarts.init(box, null, { renderer: "canvas" });
  drawn.set(box, { chart, data });
  chart.setOption(kinds[box.dataset.chart](data), true);
}

document.querySelectorAll("[data-chart]").forEach((box) => draw(box, JSON.parse(box.dataset.series)));
window.addEventListener("resize", () => drawn.forEach(({ chart }) => chart.resize()));
const again = () => drawn.forEach(({ data }, box) => draw(box, data));
document.addEventListener("themechange", again);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
