// Draws the charts that a page describes in data attributes. Each has a table beside it, so nothing is only drawn.
// Tooltips are rich text: HTML tooltips need inline styles, which the content policy refuses.
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
  const one = (name, data, color, wide) => ({ name, type: "line", data, showSymbol: wide, symbolSize: 6, lineStyle: { width: wide ? 2 : 1.5, color }, itemStyle: { color }, animation: false });
  return {
    textStyle: look.text, tooltip: { ...look.tooltip, valueFormatter: (value) => Number(value).toFixed(4) }, aria: { enabled: true },
    legend: { top: 0, left: 0, textStyle: look.text, icon: "roundRect", itemHeight: 4, itemWidth: 16 },
    grid: { left: 8, right: 16, top: 36, bottom: 24, containLabel: true },
    xAxis: { type: "value", name: "step", nameLocation: "middle", nameGap: 26, nameTextStyle: look.text, minInterval: 1, max: "dataMax", axisLabel: { color: look.muted }, axisLine: { lineStyle: { color: look.line } }, splitLine: { show: false } },
    yAxis: { type: "value", scale: true, axisLabel: { color: look.muted }, splitLine: { lineStyle: { color: look.line } } },
    series: [one("Training loss", series.train, token("--series-1"), false), one("Validation loss", series.validation, token("--series-3"), true)],
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

const kinds = { curve: curveOption, bars: barsOption };

export function draw(box, data) {
  if (!window.echarts) return;
  if (data.values) box.style.height = `${60 + 22 * data.values.length}px`; // a line for each value, or the names overlap
  const chart = drawn.get(box)?.chart || window.echarts.init(box, null, { renderer: "canvas" });
  drawn.set(box, { chart, data });
  chart.setOption(kinds[box.dataset.chart](data), true);
}

document.querySelectorAll("[data-chart]").forEach((box) => draw(box, JSON.parse(box.dataset.series)));
window.addEventListener("resize", () => drawn.forEach(({ chart }) => chart.resize()));
const again = () => drawn.forEach(({ data }, box) => draw(box, data));
document.addEventListener("themechange", again);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
