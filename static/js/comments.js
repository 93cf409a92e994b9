// Select text of a message, then press C or the button that appears: the comment form gets the field and the quote.
// With nothing selected, C moves to the form. After a reply the focus returns to its thread, or to the heading.
import { inField, keyOf, noModifier } from "./shortcuts.js";

const button = document.createElement("button");
button.type = "button";
button.className = "button button--small comment-button";
button.hidden = true;
button.innerHTML = "Comment <kbd>C</kbd>";
document.body.append(button);

function selected() {
  const selection = document.getSelection();
  const quote = selection?.toString().trim();
  if (!quote || quote.length > 2000 || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  const box = (range.commonAncestorContainer.closest ? range.commonAncestorContainer : range.commonAncestorContainer.parentElement)?.closest("[data-field]");
  return box ? { quote, range, box } : null;
}

// The number of earlier occurrences of the quote, to identify the selected one.
function occurrencesBefore({ quote, range, box }) {
  const earlier = document.createRange();
  earlier.setStart(box, 0);
  earlier.setEnd(range.startContainer, range.startOffset);
  return earlier.toString().split(quote).length - 1;
}

function offer() {
  const match = selected();
  button.hidden = !match || !document.querySelector("#comment-form");
  if (button.hidden) return;
  const place = match.range.getBoundingClientRect();
  button.style.top = `${window.scrollY + place.bottom + 6}px`;
  button.style.left = `${Math.max(8, Math.min(window.scrollX + place.left, document.documentElement.clientWidth - button.offsetWidth - 8))}px`;
}

function openForm() {
  const match = selected();
  const form = document.querySelector("#comment-form");
  if (!form) return false;
  if (match) {
    form.elements.field.value = match.box.dataset.field;
    form.elements.quote.value = match.quote;
    form.elements.nth.value = occurrencesBefore(match);
  }
  document.querySelector("#comment-new").open = true;
  button.hidden = true;
  document.getSelection().removeAllRanges();
  form.elements.text.focus();
  return true;
}

document.addEventListener("selectionchange", offer);
button.addEventListener("pointerdown", (event) => event.preventDefault());
button.addEventListener("click", openForm);
document.addEventListener("keydown", (event) => {
  if (keyOf(event) !== "c" || document.querySelector("dialog[open]") || inField(event) || !noModifier(event) || !openForm()) return;
  event.preventDefault();
  event.stopPropagation();
}, true);
document.addEventListener("input", (event) => { if (event.target.id === "comment-quote") event.target.form.elements.nth.value = ""; });

let thread = null;
document.addEventListener("htmx:beforeRequest", (event) => { thread = event.target.closest("#comments .comment")?.id ?? null; });
document.addEventListener("htmx:afterSettle", () => {
  if (document.activeElement !== document.body) return;
  const comment = thread && document.getElementById(thread);
  (comment?.querySelector("button, summary") ?? document.querySelector("#comments-title"))?.focus();
});
