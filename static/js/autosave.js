// Saves drafts: to this browser at once, to the server when typing pauses. Two tabs never overwrite each other.
// The server stores each save as a revision, so saves wait for a pause, or for MAX_WAIT without one.
import { entries, remove, save } from "./local_store.js";
import { areas, fill } from "./turns.js";

const form = document.querySelector("#pair-form");
const LOCAL_DELAY = 150, PAUSE = 3000, MAX_WAIT = 20000;
const tab = Math.random().toString(36).slice(2, 10);
const prefix = () => `draft:${form.dataset.user}:${form.dataset.place}:`;
const OURS = ["csrf", "expected_revision", "pair_id", "round_id", "declares", "over", "then"];
let timers = {}, change = 0, savedChange = 0, savedAt = null, saving = false, stopped = false, leaving = false, storeKey = "", typingSince = 0;

const values = () => [...new FormData(form)].filter(([name]) => !OURS.includes(name));
const normalized = (list) => JSON.stringify(list.filter(([name, value]) => value.trim() && name !== "pasted_share" && name !== "role"));
const unsaved = () => change !== savedChange;
const hasText = () => areas().some((area) => area.value.trim());

function say(words, announced = words) {
  document.querySelector("#save-status").textContent = words;
  const announcement = document.querySelector("#save-announcement");
  if (announced !== null && announcement.textContent !== announced) announcement.textContent = announced;
}

function saveLocally() {
  clearTimeout(timers.local); timers.local = null;
  save(storeKey, { base: form.elements.expected_revision.value, values: values() });
}

const localDrafts = () => entries(prefix()).filter((draft) => draft.key !== storeKey);

export async function showDifference(list, box) {
  const body = new FormData();
  list.forEach(([name, value]) => body.append(name, value));
  for (const name of ["csrf", "pair_id"]) body.set(name, form.elements[name].value);
  try {
    const response = await fetch(form.dataset.compare, { method: "POST", body });
    if (response.ok) box.innerHTML = await response.text();
    else box.textContent = "The changes can't be shown right now.";
  } catch { box.textContent = "Can't reach the server to show the changes."; }
}

function offer() {
  const box = document.querySelector("#restore"), current = normalized(values());
  const drafts = localDrafts().filter((draft) => normalized(draft.values) !== current || remove(draft.key));
  box.hidden = !drafts.length;
  if (!drafts.length) return;
  const draft = drafts[0];
  box.querySelector("time").textContent = new Date(draft.at).toLocaleString();
  showDifference(draft.values, box.querySelector("[data-compare]")).then(() => {
    if (box.querySelector("[data-known]")) { remove(draft.key); offer(); } // the history already has this text
  });
  box.querySelector("[data-restore]").onclick = () => {
    fill(draft.values);
    touched(); saveLocally();
    remove(draft.key);
    form.dispatchEvent(new Event("input", { bubbles: true }));
    box.hidden = true;
    areas().at(-1).focus();
  };
  box.querySelector("[data-discard]").onclick = () => { remove(draft.key); offer(); if (box.hidden) areas()[0].focus(); };
}

async function conflict() {
  stopped = true;
  saveLocally();
  const box = document.querySelector("#conflict"), comparison = box.querySelector("[data-compare]");
  await showDifference(values(), comparison);
  box.querySelector("button[name=over]").value = comparison.querySelector("[data-revision]")?.dataset.revision ?? "";
  box.querySelector("[data-take]").href = `/pairs/${form.elements.pair_id.value}/edit`;
  box.hidden = false;
  box.focus();
  say("Not saved: a newer revision exists. Choose which version to keep.");
}

// The first save creates the pair: the form continues at its URL.
function onCreated(result) {
  form.dataset.autosave = result.autosave; form.action = result.action; form.dataset.place = result.pair;
  form.elements.pair_id.value = result.pair;
  history.replaceState(null, "", result.url);
  remove(storeKey);
  storeKey = prefix() + tab;
}

export async function saveToServer() {
  clearTimeout(timers.server); timers.server = null;
  if (saving || stopped || leaving || !unsaved() || !hasText()) return;
  saving = true; typingSince = 0;
  const sent = change;
  try {
    const response = await fetch(form.dataset.autosave, { method: "POST", body: new FormData(form), headers: { "Accept": "application/json" } });
    const result = await response.json();
    if (response.ok) {
      savedChange = sent; savedAt = Date.now();
      form.elements.expected_revision.value = result.revision;
      if (result.autosave) onCreated(result);
      if (!unsaved()) { remove(storeKey); say("Saved just now", "Saved"); }
    } else if (response.status === 412) await conflict();
    else { savedAt = null; say(`Saved in this browser only: ${result.detail}`); }
  } catch { savedAt = null; say("Saved in this browser. Can't reach the server; retrying…"); timers.server = setTimeout(saveToServer, 8000); }
  saving = false;
  if (change !== sent && !stopped) schedule();
}

function schedule() {
  typingSince ||= Date.now();
  clearTimeout(timers.server);
  timers.server = setTimeout(saveToServer, Math.max(0, Math.min(PAUSE, typingSince + MAX_WAIT - Date.now())));
}

export function touched() {
  change += 1;
  savedAt = null;
  if (!stopped) say("Typing…", null);
  timers.local ||= setTimeout(saveLocally, LOCAL_DELAY);
  if (!stopped) schedule();
}

function onSubmit(event) {
  leaving = true;
  if (unsaved()) {
    saveLocally();
    try { sessionStorage.setItem("sent", JSON.stringify({ key: storeKey, at: Date.now() })); } catch { /* the draft is offered once more */ }
  }
  clearTimeout(timers.server);
  if (!saving) return;
  event.preventDefault(); // a save is in progress: submitting now would create a second pair, or be stale
  const button = event.submitter;
  const wait = setInterval(() => { if (!saving) { clearInterval(wait); if (!stopped) form.requestSubmit(button); } }, 50);
}

// Whether the user typed before this script loaded. Ignores whitespace, which browsers normalize.
const dense = (text) => text.replace(/\s+/g, "");
const typedEarly = () => [...form.querySelectorAll("textarea, input:not([type=hidden])")].some((field) => dense(field.value) !== dense(field.defaultValue));

export function begin() {
  storeKey = prefix() + tab;
  const inConflict = !document.querySelector("#conflict").hidden;
  if (form.dataset.unsaved) { change += 1; saveLocally(); } // a save was rejected: the text exists only on this page
  if (inConflict) { stopped = true; document.querySelector("#conflict").focus(); } else offer();
  form.addEventListener("input", touched);
  if (typedEarly()) touched();
  form.addEventListener("submit", onSubmit);
  document.querySelector("[data-take]").addEventListener("click", () => { leaving = true; saveLocally(); });
  window.addEventListener("pageshow", () => { leaving = false; });
  window.addEventListener("pagehide", () => { if (unsaved()) saveLocally(); });
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden" && unsaved()) { saveLocally(); saveToServer(); } });
  window.addEventListener("beforeunload", (event) => { if ((unsaved() || saving) && !leaving && hasText()) event.preventDefault(); });
  setInterval(() => {
    if (!savedAt || stopped) return;
    const seconds = Math.round((Date.now() - savedAt) / 1000);
    if (seconds > 1) say(seconds < 60 ? `Saved ${seconds} s ago` : `Saved ${Math.round(seconds / 60)} min ago`, null);
  }, 1000);
}
