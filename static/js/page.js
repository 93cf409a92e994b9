// Every page: confirmation of destructive buttons, no double submission, copy buttons, the keyboard shortcuts dialog.
import { inField } from "./shortcuts.js";

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  const question = button?.dataset.confirm;
  if (question && !window.confirm(question)) { event.preventDefault(); return; }
  if (event.defaultPrevented) return;
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  event.target.dataset.sent = "yes";
  setTimeout(() => delete event.target.dataset.sent, 4000);
});
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const words = button.textContent;
  try { await navigator.clipboard.writeText(button.dataset.copy); button.textContent = "Copied"; }
  catch { button.textContent = "Copy failed; select the text"; }
  setTimeout(() => { button.textContent = words; }, 1600);
});

const dialog = document.querySelector("#keys");
document.addEventListener("click", (event) => { if (event.target.closest("[data-keys]")) dialog?.showModal(); });
document.addEventListener("keydown", (event) => {
  if (event.key === "?" && !inField(event) && dialog && !dialog.open) { event.preventDefault(); dialog.showModal(); }
  if (event.key === "Escape" && inField(event)) event.target.blur();
});
// Scrolls the current tab into view if the tabs do not fit.
const tabs = document.querySelector(".tabs__links"), here = tabs?.querySelector("[aria-current]");
if (here) tabs.scrollLeft = here.offsetLeft - (tabs.clientWidth - here.offsetWidth) / 2;
document.querySelectorAll("[data-submit-on-change]").forEach((field) => field.addEventListener("change", () => field.form.requestSubmit()));
