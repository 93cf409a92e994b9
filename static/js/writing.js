// The writing desk: its fields, its checks, its drafts, and the keys that reach them.
import * as drafts from "./autosave.js";
import { inField, letter, moveOn, plain } from "./shortcuts.js";
import * as mending from "./autofix.js";
import * as turns from "./turns.js";

function onKey(event) {
  if (document.querySelector("dialog[open]")) return;
  if (moveOn(event)) { event.preventDefault(); document.querySelector("#pair-form").requestSubmit(document.querySelector("#review-button")); return; }
  if (letter(event) === "s" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); drafts.keepOnServer(); return; }
  if (inField(event) || !plain(event)) return;
  if (letter(event) === "g") {
    const drawer = document.querySelector("#guideline");
    if (drawer) { drawer.open = !drawer.open; drawer.querySelector(drawer.open ? ".drawer__body" : "summary").focus(); }
  } else if (letter(event) === "c") (document.querySelector("#problems button, #problems summary, #problems a") ?? document.querySelector("#checks")).focus();
}

if (document.querySelector("#pair-form")) {
  turns.begin();
  mending.begin();
  drafts.begin();
  document.addEventListener("keydown", onKey);
}
