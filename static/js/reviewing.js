// The reviewing desk: digits rate, letters decide, the lease is renewed while the tab is open and seen.
import { inField, letter, moveOn, plain } from "./shortcuts.js";
import * as verdicts from "./decision_drafts.js";

const form = document.querySelector("#review-form");
const criteria = [...document.querySelectorAll(".criterion")];
const NEED_WORDS = ["return", "reject", "escalate"];
let current = 0, pending = null;

function point(at) {
  current = Math.max(0, Math.min(criteria.length - 1, at));
  criteria.forEach((box, index) => box.classList.toggle("is-current", index === current));
  criteria[current]?.scrollIntoView({ block: "nearest" });
}

function rate(value) {
  const radio = criteria[current]?.querySelector(`input[value="${value}"]`);
  if (!radio) return;
  radio.checked = true;
  radio.dispatchEvent(new Event("input", { bubbles: true }));
  say(criteria[current]);
  point(current + 1);
}

// The words of the chosen level, under the scale.
function say(box) {
  const words = box.querySelector(".anchor");
  if (words) words.textContent = box.querySelector("input:checked")?.dataset.anchor || "";
}

const button = (decision) => form.querySelector(`button[name=decision][value="${decision}"]`);
const edited = () => [...form.querySelectorAll("textarea[data-original]")].some((area) => area.value !== (area.dataset.original || area.defaultValue));

function choose(decision) {
  const chosen = button(decision);
  if (!chosen || chosen.disabled) return;
  const comment = form.elements.comment;
  if (decision === "fix_and_accept" && !edited()) { openFix(); return; }
  if (NEED_WORDS.includes(decision) && !comment.value.trim()) {
    pending = decision;
    form.querySelectorAll("button[name=decision]").forEach((one) => one.setAttribute("aria-pressed", String(one === chosen)));
    document.querySelector("#pending").textContent = `${chosen.dataset.words}: write the reason, then Ctrl+Enter.`;
    comment.focus();
    return;
  }
  form.requestSubmit(chosen);
}

function openFix() {
  const box = document.querySelector("#fix");
  box.open = true;
  [...box.querySelectorAll("textarea")].at(-1)?.focus();
}

const DECISIONS = { a: "accept", f: "fix_and_accept", r: "return", x: "reject", e: "escalate" };

function onDesk(event) {
  if (moveOn(event)) { choose(pending || (edited() ? "fix_and_accept" : "accept")); return true; }
  if (inField(event) || !plain(event)) return false;
  const key = letter(event);
  if (/^[1-5]$/.test(key)) rate(key);
  else if (key === "0") rate("");
  else if (key === "j") point(current + 1);
  else if (key === "k") point(current - 1);
  else if (key === "w") form.elements.comment.focus();
  else if (button(DECISIONS[key])) choose(DECISIONS[key]);
  else return press(key, { g: "#back-button", u: "#undo-button" });
  return true;
}

function inQueue(event) {
  if (moveOn(event)) return press("n", { n: "#next-button" });
  return !inField(event) && plain(event) && press(letter(event), { n: "#next-button", u: "#undo-button" });
}

// Is there such a button on this page? Then it is pressed.
function press(key, buttons) {
  const found = buttons[key] && document.querySelector(buttons[key]);
  found?.click();
  return Boolean(found);
}

async function renew() {
  if (document.visibilityState !== "visible") return;
  const said = document.querySelector("#lease-status");
  try {
    const answer = await fetch(form.dataset.renew, { method: "POST", headers: { "X-CSRF-Token": form.elements.csrf.value } });
    said.textContent = answer.ok ? "" : "This item is no longer held for you: what you decide now may be refused. " + verdicts.where();
  } catch { said.textContent = "The server can't be reached. " + verdicts.where(); }
}

verdicts.begin(() => criteria.forEach(say));
if (form) {
  point(0);
  criteria.forEach((box, index) => {
    box.addEventListener("focusin", () => point(index));
    box.addEventListener("change", () => say(box));
    say(box);
  });
  form.addEventListener("submit", (event) => {
    const decision = event.submitter?.value;
    if (NEED_WORDS.includes(decision) && !form.elements.comment.value.trim()) { event.preventDefault(); choose(decision); }
    if (decision === "fix_and_accept" && !edited()) { event.preventDefault(); openFix(); }
  }, true);
  if (form.dataset.renew) {
    setInterval(renew, 30000);
    document.addEventListener("visibilitychange", renew);
  }
}
document.addEventListener("keydown", (event) => {
  if (!document.querySelector("dialog[open]") && (form ? onDesk(event) : inQueue(event))) event.preventDefault();
});
