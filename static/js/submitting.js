// The page before submitting: Ctrl+Enter submits, E goes back to editing.
import { inField, keyOf, isSubmit, noModifier } from "./shortcuts.js";

// This page follows a save, so the local draft of the writing page is no longer needed.
try {
  const sent = JSON.parse(sessionStorage.getItem("sent") || "null");
  if (sent && Date.now() - sent.at < 60000) localStorage.removeItem(sent.key);
  sessionStorage.removeItem("sent");
} catch { /* storage blocked */ }

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (isSubmit(event)) document.querySelector("#submit-button:not(:disabled)")?.click();
  else if (keyOf(event) === "e" && noModifier(event) && !inField(event)) document.querySelector("#edit-link")?.click();
});
