// Deletes the review drafts of the user who signed out from this browser.
import { entries, remove } from "./local_store.js";

entries(`decision:${document.querySelector("[data-signed-out]").dataset.signedOut}:`).forEach((entry) => remove(entry.key));
