// The checks beside the text: one click mends, shows the place, or keeps a warning with a reason.
import { count, turns, waive } from "./turns.js";

const form = document.querySelector("#pair-form");
const box = document.querySelector("#problems");
const CONTROLS = "a, button, summary, input";
let waiting = false, typed = [], held = null;

// Python counts characters, JavaScript UTF-16 units.
const units = (text, characters) => [...text].slice(0, characters).join("").length;

// [start, end) in the field, or null when the text has changed since it was checked and the place is gone.
function place(area, data) {
  const start = units(area.value, Number(data.start)), end = units(area.value, Number(data.end));
  if (area.value.slice(start, end) === data.expected) return [start, end];
  const found = area.value.indexOf(data.expected);
  return found < 0 || !data.expected ? null : [found, found + data.expected.length];
}

function select(button) {
  const area = turns()[Number(button.dataset.turn)];
  const at = area && place(area, button.dataset);
  if (!at) { say("The text has changed since; the checks look again."); recheck(); return null; }
  if (area.hidden) area.closest("[data-turn-field]").querySelector("[data-tab=write]").click();
  area.closest("details")?.setAttribute("open", "");
  area.focus();
  area.setSelectionRange(...at);
  return area;
}

function mend(button) {
  const area = select(button);
  if (!area) return;
  // insertText goes into the field's own history, so that Ctrl+Z takes it back.
  if (!document.execCommand("insertText", false, button.dataset.replacement)) {
    area.setRangeText(button.dataset.replacement, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  say("Replaced. Ctrl+Z takes it back.");
}

function keep(code) {
  const field = box.querySelector(`[data-reason="${code}"]`);
  if (field.value.trim().length < 3) { field.setCustomValidity("Say in a few words why it stays."); field.reportValidity(); return; }
  settle(code, field.value.trim());
}

function settle(code, reason) {
  waive(code, reason);
  box.querySelectorAll(`[data-reason="${code}"]`).forEach((field) => { field.value = ""; });
  waiting = false;
  document.querySelector("#checks").focus({ preventScroll: true }); // the field goes away with the next answer
  form.dispatchEvent(new Event("input", { bubbles: true }));
  recheck();
}

export const recheck = () => box.dispatchEvent(new Event("recheck"));
const say = (words) => { document.querySelector("#checks-said").textContent = words; };
const writingReason = () => box.contains(document.activeElement) && document.activeElement.matches("[data-reason]");

// Which of a problem's controls has the focus: [code, which one], or null.
function holder() {
  const problem = box.contains(document.activeElement) && document.activeElement.closest(".problem");
  return problem ? [problem.dataset.code, [...problem.querySelectorAll(CONTROLS)].indexOf(document.activeElement)] : null;
}

// The same control of the new answer, or the heading where that problem is gone.
function refocus([code, at]) {
  const problem = box.querySelector(`.problem[data-code="${code}"]`);
  (problem?.querySelectorAll(CONTROLS)[at] ?? document.querySelector("#checks")).focus({ preventScroll: true });
}

// Reasons that were begun and not yet given survive the next answer of the checks.
function restore() {
  for (const old of typed) {
    const field = box.querySelector(`[data-reason="${old.dataset.reason}"]`);
    if (field) { field.value = old.value; field.closest("details").open = true; }
  }
  typed = [];
}

function told() {
  const counted = box.querySelector("[data-tokens]");
  const numbers = counted ? counted.dataset.tokens.split(",") : [];
  turns().forEach((area, at) => { if (numbers[at] !== undefined) count(area, numbers[at]); });
  const open = box.querySelectorAll(".problem:not(.problem--kept)").length, blocking = box.querySelectorAll(".problem--block").length;
  const words = open ? `${open} problem${open === 1 ? "" : "s"}${blocking ? `, ${blocking} must be mended` : ""}` : "No problem found";
  say(words);
  Object.assign(document.querySelector("#checks-link"), { hidden: !open, textContent: words, className: blocking ? "small bad" : "small warn" });
}

export function begin() {
  box.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("mend" in button.dataset) mend(button);
    else if ("point" in button.dataset) select(button);
    else if (button.dataset.keep) keep(button.dataset.keep);
    else if (button.dataset.unkeep) settle(button.dataset.unkeep, null);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.dataset.reason) { event.preventDefault(); if (!event.ctrlKey && !event.metaKey) keep(event.target.dataset.reason); }
  });
  box.addEventListener("input", (event) => { event.target.setCustomValidity?.(""); event.stopPropagation(); });
  // An answer that comes while a reason is being typed waits until the field is left; what was typed stays.
  box.addEventListener("htmx:beforeSwap", (event) => {
    if (writingReason()) { event.detail.shouldSwap = false; waiting = true; return; }
    held = holder();
    typed = [...box.querySelectorAll("[data-reason]")].filter((one) => one.value.trim());
  });
  box.addEventListener("focusout", (event) => { if (waiting && event.target.matches("[data-reason]") && event.relatedTarget?.dataset.keep === undefined) { waiting = false; recheck(); } });
  box.addEventListener("htmx:afterSwap", () => { restore(); told(); if (held) refocus(held); held = null; });
}
