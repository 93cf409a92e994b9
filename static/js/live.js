// A run in progress: follows its events and redraws the curve at most four times a second.
import { draw } from "./charts.js";

const box = document.querySelector("[data-events]");
const set = (name, words) => document.querySelectorAll(`[data-live="${name}"]`).forEach((place) => { place.textContent = words; });
const time = (s) => (s < 90 ? `${Math.round(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`);

if (box) {
  const chart = box.querySelector("[data-chart]");
  const bar = box.querySelector("progress");
  const series = JSON.parse(chart.dataset.series);
  let due = null;
  const redraw = () => { due ??= setTimeout(() => { due = null; draw(chart, series); }, 250); };
  const source = new EventSource(box.dataset.events);

  source.addEventListener("progress", (message) => {
    const event = JSON.parse(message.data);
    if (series[event.kind] && event.loss != null) { series[event.kind].push([event.step, event.loss]); set(event.kind, event.loss.toFixed(4)); redraw(); }
    if (event.total_steps) { bar.max = event.total_steps; bar.value = event.step; set("step", `${event.step} of ${event.total_steps}`); }
    if (event.tokens_per_second) set("speed", Math.round(event.tokens_per_second).toLocaleString("en"));
    if (event.eta_seconds != null) set("eta", time(event.eta_seconds));
    if (event.epoch) set("epoch", event.epoch.toFixed(2));
    if (event.message) set("message", event.message);
  });
  source.addEventListener("state", (message) => set("state", message.data));
  source.addEventListener("end", () => { source.close(); location.reload(); });
  source.onopen = () => set("link", "Live");
  source.onerror = () => set("link", "Connection lost; retrying…");
}
