// The checks beside the text: apply a fix, show its place, or keep a warning with a reason.
import { count, setWaiver, turns } from "./turns.js";

const form = document.querySelector("#pair-form");
const box = document.querySelector("#problems");
const CONTROLS = "a, button, summary, input";
let pending = false, typedReasons = [], focused = null;

// Python counts code points, JavaScript counts UTF-16 units.
const units = (text, characters) => [...text].slice(0, characters).join("").length;

// [start, end) in the field, or null if the text has changed since the check and the place is gone.
function place(area, data) {
  const start = units(area.value, Number(data.start)), end = units(area.value, Number(data.end));
  if (area.value.slice(start, end) === data.expected) return [start, end];
  const at = area.value.indexOf(data.expected);
  return at < 0 || !data.expected ? null : [at, at + data.expected.length];
}

function select(button) {
  const area = turns()[Number(button.dataset.turn)];
  const at = area && place(area, button.dataset);
  if (!at) { say("The text has changed. Checking again."); recheck(); return null; }
  if (area.hidden) area.closest("[data-turn-field]").querySelector("[data-tab=write]").click();
  area.closest("details")?.setAttribute("open", "");
  area.focus();
  area.setSelectionRange(...at);
  return area;
}

function applyFix(button) {
  const area = select(button);
  if (!area) return;
  // insertText adds to the undo history of the field, so Ctrl+Z works.
  if (!document.execCommand("insertText", false, button.dataset.replacement)) {
    area.setRangeText(button.dataset.replacement, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  say("Replaced. Press Ctrl+Z to undo.");
}

function waive(code) {
  const field = box.querySelector(`[data-reason="${code}"]`);
  if (field.value.trim().length < 3) { field.setCustomValidity("Enter a reason of at least 3 characters."); field.reportValidity(); return; }
  saveWaiver(code, field.value.trim());
}

function saveWaiver(code, reason) {
  setWaiver(code, reason);
  box.querySelectorAll(`[data-reason="${code}"]`).forEach((field) => { field.value = ""; });
  pending = false;
  document.querySelector("#checks").focus({ preventScroll: true }); // the next response removes the field
  form.dispatchEvent(new Event("input", { bubbles: true }));
  recheck();
}

export const recheck = () => box.dispatchEvent(new Event("recheck"));
const say = (words) => { document.querySelector("#checks-announcement").textContent = words; };
const writingReason = () => box.contains(document.activeElement) && document.activeElement.matches("[data-reason]");

// The problem control that has the focus: [code, index], or null.
function focusedControl() {
  const problem = box.contains(document.activeElement) && document.activeElement.closest(".problem");
  return problem ? [problem.dataset.code, [...problem.querySelectorAll(CONTROLS)].indexOf(document.activeElement)] : null;
}

// Focuses the same control in the new response, or the heading if that problem is gone.
function refocus([code, at]) {
  const problem = box.querySelector(`.problem[data-code="${code}"]`);
  (problem?.querySelectorAll(CONTROLS)[at] ?? document.querySelector("#checks")).focus({ preventScroll: true });
}

// Reasons that are typed but not saved survive the next response.
function restoreReasons() {
  for (const old of typedReasons) {
    const field = box.querySelector(`[data-reason="${old.dataset.reason}"]`);
    if (field) { field.value = old.value; field.closest("details").open = true; }
  }
  typedReasons = [];
}

function summarize() {
  const counted = box.querySelector("[data-tokens]");
  const numbers = counted ? counted.dataset.tokens.split(",") : [];
  turns().forEach((area, at) => { if (numbers[at] !== undefined) count(area, numbers[at]); });
  const open = box.querySelectorAll(".problem:not(.problem--waived)").length, blocking = box.querySelectorAll(".problem--block").length;
  const words = open ? `${open} issue${open === 1 ? "" : "s"}${blocking ? `, ${blocking} blocking` : ""}` : "No issues found";
  say(words);
  Object.assign(document.querySelector("#checks-link"), { hidden: !open, textContent: words, className: blocking ? "small bad" : "small warn" });
}

export function begin() {
  box.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if ("fix" in button.dataset) applyFix(button);
    else if ("locate" in button.dataset) select(button);
    else if (button.dataset.waive) waive(button.dataset.waive);
    else if (button.dataset.unwaive) saveWaiver(button.dataset.unwaive, null);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.dataset.reason) { event.preventDefault(); if (!event.ctrlKey && !event.metaKey) waive(event.target.dataset.reason); }
  });
  box.addEventListener("input", (event) => { event.target.setCustomValidity?.(""); event.stopPropagation(); });
  // A response that arrives while the user types a reason waits until the user leaves the field.
  box.addEventListener("htmx:beforeSwap", (event) => {
    if (writingReason()) { event.detail.shouldSwap = false; pending = true; return; }
    focused = focusedControl();
    typedReasons = [...box.querySelectorAll("[data-reason]")].filter((field) => field.value.trim());
  });
  box.addEventListener("focusout", (event) => { if (pending && event.target.matches("[data-reason]") && event.relatedTarget?.dataset.waive === undefined) { pending = false; recheck(); } });
  box.addEventListener("htmx:afterSwap", () => { restoreReasons(); summarize(); if (focused) refocus(focused); focused = null; });
}
