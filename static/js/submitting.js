// The page before submitting: Ctrl+Enter submits, E goes back to edit.
import { inField, moveOn, plain } from "./keys.js";

document.addEventListener("keydown", (event) => {
  if (moveOn(event)) document.querySelector("#submit-button:not(:disabled)")?.click();
  else if (event.key === "e" && plain(event) && !inField(event)) document.querySelector("#edit-link")?.click();
});
