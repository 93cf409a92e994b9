// Nothing typed is lost: kept in this browser at once, on the server when typing rests; two tabs never overwrite each other.
// The server keeps every save as a revision, so it is asked only at a rest, or after a while of typing without one.
import { drop, entries, keep } from "./local_store.js";
import { areas, fill } from "./turns.js";

const form = document.querySelector("#pair-form");
const HERE = 150, REST = 3000, LONGEST = 20000;
const tab = Math.random().toString(36).slice(2, 10);
const prefix = () => `draft:${form.dataset.person}:${form.dataset.place}:`;
const OURS = ["csrf", "expected_revision", "pair_id", "round_id", "declares", "over", "then"];
let timers = {}, change = 0, kept = 0, savedAt = null, saving = false, stopped = false, leaving = false, storeKey = "", restSince = 0;

const values = () => [...new FormData(form)].filter(([name]) => !OURS.includes(name));
const plainly = (list) => JSON.stringify(list.filter(([name, value]) => value.trim() && name !== "pasted_share" && name !== "role"));
const unsaved = () => change !== kept;
const typed = () => areas().some((area) => area.value.trim());

function say(words, aloud = words) {
  document.querySelector("#save-status").textContent = words;
  const said = document.querySelector("#save-said");
  if (aloud !== null && said.textContent !== aloud) said.textContent = aloud;
}

function keepHere() {
  clearTimeout(timers.here); timers.here = null;
  keep(storeKey, { base: form.elements.expected_revision.value, values: values() });
}

const keptHere = () => entries(prefix()).filter((one) => one.key !== storeKey);

export async function compared(list, box) {
  const body = new FormData();
  list.forEach(([name, value]) => body.append(name, value));
  for (const name of ["csrf", "pair_id"]) body.set(name, form.elements[name].value);
  try {
    const answer = await fetch(form.dataset.compare, { method: "POST", body });
    if (answer.ok) box.innerHTML = await answer.text();
    else box.textContent = "The difference can't be shown now.";
  } catch { box.textContent = "The server can't be reached; the difference is shown later."; }
}

function offer() {
  const box = document.querySelector("#restore"), now = plainly(values());
  const waiting = keptHere().filter((one) => plainly(one.values) !== now || drop(one.key));
  box.hidden = !waiting.length;
  if (!waiting.length) return;
  const one = waiting[0];
  box.querySelector("time").textContent = new Date(one.at).toLocaleString();
  compared(one.values, box.querySelector("[data-compare]")).then(() => {
    if (box.querySelector("[data-known]")) { drop(one.key); offer(); } // it reached the history after all
  });
  box.querySelector("[data-restore]").onclick = () => {
    fill(one.values);
    touched(); keepHere();
    drop(one.key);
    form.dispatchEvent(new Event("input", { bubbles: true }));
    box.hidden = true;
    areas().at(-1).focus();
  };
  box.querySelector("[data-forget]").onclick = () => { drop(one.key); offer(); if (box.hidden) areas()[0].focus(); };
}

async function conflict() {
  stopped = true;
  keepHere();
  const box = document.querySelector("#conflict"), held = box.querySelector("[data-compare]");
  await compared(values(), held);
  box.querySelector("button[name=over]").value = held.querySelector("[data-revision]")?.dataset.revision ?? "";
  box.querySelector("[data-take]").href = `/pairs/${form.elements.pair_id.value}/edit`;
  box.hidden = false;
  box.focus();
  say("Not saved: a newer revision exists. Choose above which text goes on.");
}

function moved(told) {
  form.dataset.autosave = told.autosave; form.action = told.action; form.dataset.place = told.pair;
  form.elements.pair_id.value = told.pair;
  history.replaceState(null, "", told.url);
  drop(storeKey);
  storeKey = prefix() + tab;
}

export async function keepOnServer() {
  clearTimeout(timers.server); timers.server = null;
  if (saving || stopped || leaving || !unsaved() || !typed()) return;
  saving = true; restSince = 0;
  const sent = change;
  try {
    const answer = await fetch(form.dataset.autosave, { method: "POST", body: new FormData(form), headers: { "Accept": "application/json" } });
    const told = await answer.json();
    if (answer.ok) {
      kept = sent; savedAt = Date.now();
      form.elements.expected_revision.value = told.revision;
      if (told.autosave) moved(told);
      if (!unsaved()) { drop(storeKey); say("Saved just now", "Saved"); }
    } else if (answer.status === 412) await conflict();
    else { savedAt = null; say(`Kept in this browser. Not saved on the server: ${told.detail}`); }
  } catch { savedAt = null; say("Kept in this browser. The server can't be reached; trying again."); timers.server = setTimeout(keepOnServer, 8000); }
  saving = false;
  if (change !== sent && !stopped) later();
}

function later() {
  restSince ||= Date.now();
  clearTimeout(timers.server);
  timers.server = setTimeout(keepOnServer, Math.max(0, Math.min(REST, restSince + LONGEST - Date.now())));
}

export function touched() {
  change += 1;
  savedAt = null;
  if (!stopped) say("Typing…", null);
  timers.here ||= setTimeout(keepHere, HERE);
  if (!stopped) later();
}

function onSubmit(event) {
  leaving = true;
  if (unsaved()) {
    keepHere();
    try { sessionStorage.setItem("sent", JSON.stringify({ key: storeKey, at: Date.now() })); } catch { /* it is offered once too often */ }
  }
  clearTimeout(timers.server);
  if (!saving) return;
  event.preventDefault(); // a save is under way: sending now would make a second pair, or be stale
  const button = event.submitter;
  const wait = setInterval(() => { if (!saving) { clearInterval(wait); if (!stopped) form.requestSubmit(button); } }, 50);
}

// Was something typed before this script was there to hear it? White space says nothing: browsers take it out of a field's value.
const dense = (text) => text.replace(/\s+/g, "");
const early = () => [...form.querySelectorAll("textarea, input:not([type=hidden])")].some((field) => dense(field.value) !== dense(field.defaultValue));

export function begin() {
  storeKey = prefix() + tab;
  const refused = !document.querySelector("#conflict").hidden;
  if (form.dataset.unsaved) { change += 1; keepHere(); } // a save was refused: what the page shows is nowhere but here
  if (refused) { stopped = true; document.querySelector("#conflict").focus(); } else offer();
  form.addEventListener("input", touched);
  if (early()) touched();
  form.addEventListener("submit", onSubmit);
  document.querySelector("[data-take]").addEventListener("click", () => { leaving = true; keepHere(); });
  window.addEventListener("pageshow", () => { leaving = false; });
  window.addEventListener("pagehide", () => { if (unsaved()) keepHere(); });
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden" && unsaved()) { keepHere(); keepOnServer(); } });
  window.addEventListener("beforeunload", (event) => { if ((unsaved() || saving) && !leaving && typed()) event.preventDefault(); });
  setInterval(() => {
    if (!savedAt || stopped) return;
    const seconds = Math.round((Date.now() - savedAt) / 1000);
    if (seconds > 1) say(seconds < 60 ? `Saved ${seconds} s ago` : `Saved ${Math.round(seconds / 60)} min ago`, null);
  }, 1000);
}
