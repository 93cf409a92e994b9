// Select words of a message, press C or the button that appears: the comment form holds the field and the quote.
// With nothing selected C leads to the form. After an answer the focus is where it was: in its thread, or at the heading.
import { inField, letter, plain } from "./shortcuts.js";

const button = document.createElement("button");
button.type = "button";
button.className = "button button--small comment-button";
button.hidden = true;
button.innerHTML = "Comment <kbd>C</kbd>";
document.body.append(button);

function chosen() {
  const selection = document.getSelection();
  const quote = selection?.toString().trim();
  if (!quote || quote.length > 2000 || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  const box = (range.commonAncestorContainer.closest ? range.commonAncestorContainer : range.commonAncestorContainer.parentElement)?.closest("[data-field]");
  return box ? { quote, range, box } : null;
}

// How often the quote stands before the selection, so that the right one of several is meant.
function before({ quote, range, box }) {
  const earlier = document.createRange();
  earlier.setStart(box, 0);
  earlier.setEnd(range.startContainer, range.startOffset);
  return earlier.toString().split(quote).length - 1;
}

function offer() {
  const found = chosen();
  button.hidden = !found || !document.querySelector("#comment-form");
  if (button.hidden) return;
  const place = found.range.getBoundingClientRect();
  button.style.top = `${window.scrollY + place.bottom + 6}px`;
  button.style.left = `${Math.max(8, Math.min(window.scrollX + place.left, document.documentElement.clientWidth - button.offsetWidth - 8))}px`;
}

function write() {
  const found = chosen();
  const form = document.querySelector("#comment-form");
  if (!form) return false;
  if (found) {
    form.elements.field.value = found.box.dataset.field;
    form.elements.quote.value = found.quote;
    form.elements.nth.value = before(found);
  }
  document.querySelector("#comment-new").open = true;
  button.hidden = true;
  document.getSelection().removeAllRanges();
  form.elements.text.focus();
  return true;
}

document.addEventListener("selectionchange", offer);
button.addEventListener("pointerdown", (event) => event.preventDefault());
button.addEventListener("click", write);
document.addEventListener("keydown", (event) => {
  if (letter(event) !== "c" || document.querySelector("dialog[open]") || inField(event) || !plain(event) || !write()) return;
  event.preventDefault();
  event.stopPropagation();
}, true);
document.addEventListener("input", (event) => { if (event.target.id === "comment-quote") event.target.form.elements.nth.value = ""; });

let thread = null;
document.addEventListener("htmx:beforeRequest", (event) => { thread = event.target.closest("#comments .comment")?.id ?? null; });
document.addEventListener("htmx:afterSettle", () => {
  if (document.activeElement !== document.body) return;
  const found = thread && document.getElementById(thread);
  (found?.querySelector("button, summary") ?? document.querySelector("#comments-title"))?.focus();
});
