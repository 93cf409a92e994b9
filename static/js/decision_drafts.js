// Saves an unfinished review in this browser until the server has it, per user, pair and revision.
import { entries, remove, save } from "./local_store.js";

const DELAY = 150;
const form = document.querySelector("#review-form");
const fields = [...(form?.elements ?? [])].filter((field) => ["textarea", "radio"].includes(field.type));
const nameOf = (field) => field.id || field.name;
const changed = (field) => (field.type === "radio" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);
let timer = null, isSaved = true;

export const status = () => (isSaved ? "Your draft is saved in this browser." : "This browser can't save drafts. Copy your text.");

function saveLocally() {
  clearTimeout(timer); timer = null;
  const { draft: key, after, rejected } = form.dataset;
  if (!fields.some(changed) && !rejected) { remove(key); return; }
  isSaved = save(key, { after, values: fields.filter((field) => field.type !== "radio" || field.checked).map((field) => [nameOf(field), field.value]) });
}

// Ignores values of fields that the form no longer has.
function fill(values) {
  const byName = new Map(values);
  for (const field of fields.filter((item) => byName.has(nameOf(item)))) {
    if (field.type === "radio") field.checked = field.value === byName.get(nameOf(field));
    else field.value = byName.get(nameOf(field));
  }
  const fix = document.querySelector("#fix");
  fix.open ||= [...fix.querySelectorAll("textarea")].some(changed);
}

function restore(onChange) {
  const drafts = entries(form.dataset.draft.replace(/[^:]*$/, ""));
  drafts.filter((entry) => entry.key !== form.dataset.draft).forEach((entry) => remove(entry.key)); // for another revision
  const draft = drafts.find(({ key }) => key === form.dataset.draft), box = document.querySelector("#saved-draft");
  if (!draft) return;
  fill(draft.values);
  box.querySelector("time").textContent = new Date(draft.at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  box.hidden = false;
  box.querySelector("[data-discard]").onclick = () => {
    remove(draft.key);
    form.reset();
    box.hidden = true;
    form.elements.comment.focus();
    onChange();
  };
}

// Deletes drafts of decisions that the server has saved since.
function removeDecided() {
  const last = document.querySelector("[data-decided]")?.dataset;
  if (last) entries(last.decided).filter((entry) => entry.after !== last.review).forEach((entry) => remove(entry.key));
}

// Calls `onChange` after the script itself has changed fields.
export function begin(onChange = () => {}) {
  removeDecided();
  if (!form) return;
  if (form.dataset.rejected) saveLocally(); // a rejected form contains everything typed, maybe for another revision
  else restore(onChange);
  form.addEventListener("input", () => { timer ??= setTimeout(saveLocally, DELAY); });
  const now = () => { if (timer) saveLocally(); };
  form.addEventListener("submit", now, true);
  window.addEventListener("pagehide", now);
  document.addEventListener("visibilitychange", now);
}
