// The writing desk: autosave here and on the server, counters, one more turn, Ctrl+Enter.
// The server keeps every save as a revision, so it is asked only when typing has rested.
import { moveOn } from "./keys.js";

const form = document.querySelector("#pair-form");
const status = document.querySelector("#save-status");
const key = `draft:${location.pathname}${location.search}`;
const RESTS = { local: 400, server: 4000 };
let timers = {}, savedAt = null, saving = false, dirty = false, stopped = false, leaving = false, storeKey = key;

const fields = () => [...form.querySelectorAll("textarea, input:not([type=hidden]), select")].filter((field) => field.name);
const snapshot = () => fields().map((field) => [field.name, field.value]);
const say = (words) => { if (status) status.textContent = words; };

function count(area) {
  const box = document.querySelector(`[data-count="${area.id}"]`);
  if (!box) return;
  const words = area.value.trim() ? area.value.trim().split(/\s+/).length : 0;
  box.textContent = `${words} word${words === 1 ? "" : "s"}`;
}

function keepLocally() {
  try { localStorage.setItem(storeKey, JSON.stringify({ at: Date.now(), values: snapshot() })); } catch { /* full or refused: the server still has it */ }
}

function offerRestore() {
  let kept;
  try { kept = JSON.parse(localStorage.getItem(key) || "null"); } catch { return; }
  const box = document.querySelector("#restore");
  if (!kept || !box || JSON.stringify(kept.values) === JSON.stringify(snapshot())) return;
  box.hidden = false;
  box.querySelector("time").textContent = new Date(kept.at).toLocaleString();
  box.querySelector("[data-restore]").addEventListener("click", () => {
    const waiting = fields();
    kept.values.forEach(([name, value]) => {
      const at = waiting.findIndex((field) => field.name === name);
      if (at >= 0) waiting.splice(at, 1)[0].value = value;
    });
    box.hidden = true;
    touched();
  });
  box.querySelector("[data-forget]").addEventListener("click", () => { localStorage.removeItem(key); box.hidden = true; });
}

async function keepOnServer() {
  if (saving || stopped || leaving || !dirty) return;
  saving = true; dirty = false;
  try {
    const answer = await fetch(form.dataset.autosave, { method: "POST", body: new FormData(form), headers: { "Accept": "application/json" } });
    const told = await answer.json();
    if (answer.ok) {
      savedAt = Date.now();
      form.elements.expected_revision.value = told.revision;
      if (told.autosave) {
        form.dataset.autosave = told.autosave; form.action = told.action;
        history.replaceState(null, "", told.url);
        localStorage.removeItem(storeKey);
        storeKey = `draft:${location.pathname}${location.search}`;
      }
      if (!dirty) localStorage.removeItem(storeKey);
    } else if (answer.status === 412) {
      stopped = true;
      say("Somebody else saved a newer revision. Copy your text, then reload the page.");
    } else { say(`Kept in this browser. Not saved on the server: ${told.detail}`); savedAt = null; }
  } catch { dirty = true; savedAt = null; say("Kept in this browser. The server can't be reached; trying again."); later("server", keepOnServer, 8000); }
  saving = false;
  if (dirty && !stopped) later("server", keepOnServer);
}

function later(name, work, rest = RESTS[name]) { clearTimeout(timers[name]); timers[name] = setTimeout(work, rest); }

function touched() {
  dirty = true;
  if (!stopped) { savedAt = null; say("Typing…"); }
  later("local", keepLocally);
  later("server", keepOnServer);
}

setInterval(() => {
  if (!savedAt || stopped) return;
  const seconds = Math.round((Date.now() - savedAt) / 1000);
  say(seconds < 60 ? `Saved ${seconds} s ago` : `Saved ${Math.round(seconds / 60)} min ago`);
}, 1000);

if (form) {
  form.querySelectorAll("textarea").forEach(count);
  offerRestore();
  form.addEventListener("input", (event) => { if (event.target.tagName === "TEXTAREA") count(event.target); touched(); });
  form.addEventListener("submit", (event) => {
    leaving = true;
    clearTimeout(timers.server);
    clearTimeout(timers.local);
    if (!saving) return;
    event.preventDefault(); // a save is under way: sending now would make a second pair, or be stale
    const button = event.submitter;
    const wait = setInterval(() => { if (!saving) { clearInterval(wait); form.requestSubmit(button); } }, 50);
  });
  window.addEventListener("pageshow", () => { leaving = false; });
  document.addEventListener("keydown", (event) => {
    if (!moveOn(event)) return;
    event.preventDefault();
    form.requestSubmit(document.querySelector("#review-button"));
  });
  document.querySelector("[data-add-turn]")?.addEventListener("click", () => {
    const part = document.querySelector("#turn-template").content.cloneNode(true);
    document.querySelector("#turns").append(part);
    [...document.querySelectorAll("#turns textarea")].at(-2)?.focus();
    touched();
  });
  window.addEventListener("beforeunload", (event) => { if (dirty && !leaving) event.preventDefault(); });
}
