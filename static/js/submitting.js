// The page before submitting: Ctrl+Enter submits, E goes back to edit.
import { inField, letter, moveOn, plain } from "./shortcuts.js";

// This page follows a save: the copy that the writing desk kept while it was sent is needed no more.
try {
  const sent = JSON.parse(sessionStorage.getItem("sent") || "null");
  if (sent && Date.now() - sent.at < 60000) localStorage.removeItem(sent.key);
  sessionStorage.removeItem("sent");
} catch { /* storage refused */ }

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (moveOn(event)) document.querySelector("#submit-button:not(:disabled)")?.click();
  else if (letter(event) === "e" && plain(event) && !inField(event)) document.querySelector("#edit-link")?.click();
});
