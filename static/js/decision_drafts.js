// A half-written verdict stays in this browser until the server has it: one person's, on one pair and one revision of it.
import { drop, entries, keep } from "./local_store.js";

const HERE = 150;
const form = document.querySelector("#review-form");
const fields = [...(form?.elements ?? [])].filter((one) => ["textarea", "radio"].includes(one.type));
const nameOf = (field) => field.id || field.name;
const changed = (field) => (field.type === "radio" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);
let waiting = null, isKept = true;

export const where = () => (isKept ? "What you wrote is kept in this browser." : "Copy what you wrote: this browser keeps nothing.");

function keepHere() {
  clearTimeout(waiting); waiting = null;
  const { kept: key, after, refused } = form.dataset;
  if (!fields.some(changed) && !refused) { drop(key); return; }
  isKept = keep(key, { after, values: fields.filter((one) => one.type !== "radio" || one.checked).map((one) => [nameOf(one), one.value]) });
}

// Names that are gone from the form since are left out.
function fill(values) {
  const wanted = new Map(values);
  for (const field of fields.filter((one) => wanted.has(nameOf(one)))) {
    if (field.type === "radio") field.checked = field.value === wanted.get(nameOf(field));
    else field.value = wanted.get(nameOf(field));
  }
  const fix = document.querySelector("#fix");
  fix.open ||= [...fix.querySelectorAll("textarea")].some(changed);
}

function bringBack(shown) {
  const mine = entries(form.dataset.kept.replace(/[^:]*$/, ""));
  mine.filter((one) => one.key !== form.dataset.kept).forEach((one) => drop(one.key)); // it was about another revision
  const one = mine.find(({ key }) => key === form.dataset.kept), box = document.querySelector("#kept");
  if (!one) return;
  fill(one.values);
  box.querySelector("time").textContent = new Date(one.at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  box.hidden = false;
  box.querySelector("[data-forget]").onclick = () => {
    drop(one.key);
    form.reset();
    box.hidden = true;
    form.elements.comment.focus();
    shown();
  };
}

// What the server has recorded since it was kept is needed no more.
function forgetDecided() {
  const last = document.querySelector("[data-decided]")?.dataset;
  if (last) entries(last.decided).filter((one) => one.after !== last.review).forEach((one) => drop(one.key));
}

// `shown` is called when the fields have changed by themselves.
export function begin(shown = () => {}) {
  forgetDecided();
  if (!form) return;
  if (form.dataset.refused) keepHere(); // it came back with all that was typed, maybe for another revision
  else bringBack(shown);
  form.addEventListener("input", () => { waiting ??= setTimeout(keepHere, HERE); });
  const now = () => { if (waiting) keepHere(); };
  form.addEventListener("submit", now, true);
  window.addEventListener("pagehide", now);
  document.addEventListener("visibilitychange", now);
}
