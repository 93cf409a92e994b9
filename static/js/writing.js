// The writing page: fields, checks, autosave, and keyboard shortcuts.
import * as autosave from "./autosave.js";
import { inField, keyOf, isSubmit, noModifier } from "./shortcuts.js";
import * as autofix from "./autofix.js";
import * as turns from "./turns.js";

function onKey(event) {
  if (document.querySelector("dialog[open]")) return;
  if (isSubmit(event)) { event.preventDefault(); document.querySelector("#pair-form").requestSubmit(document.querySelector("#review-button")); return; }
  if (keyOf(event) === "s" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); autosave.saveToServer(); return; }
  if (inField(event) || !noModifier(event)) return;
  if (keyOf(event) === "g") {
    const drawer = document.querySelector("#guideline");
    if (drawer) { drawer.open = !drawer.open; drawer.querySelector(drawer.open ? ".drawer__body" : "summary").focus(); }
  } else if (keyOf(event) === "c") (document.querySelector("#problems button, #problems summary, #problems a") ?? document.querySelector("#checks")).focus();
}

if (document.querySelector("#pair-form")) {
  turns.begin();
  autofix.begin();
  autosave.begin();
  document.addEventListener("keydown", onKey);
}
