// Whoever signs out leaves no half-written verdict behind in this browser.
import { drop, entries } from "./local_store.js";

entries(`verdict:${document.querySelector("[data-signed-out]").dataset.signedOut}:`).forEach((one) => drop(one.key));
