// The review page: digits rate, letters decide, the lease is renewed while the tab is visible.
import { inField, keyOf, isSubmit, noModifier } from "./shortcuts.js";
import * as drafts from "./decision_drafts.js";

const form = document.querySelector("#review-form");
const criteria = [...document.querySelectorAll(".criterion")];
const NEED_REASON = ["return", "reject", "escalate"];
let current = 0, pending = null;

function focusCriterion(at) {
  current = Math.max(0, Math.min(criteria.length - 1, at));
  criteria.forEach((box, index) => box.classList.toggle("is-current", index === current));
  criteria[current]?.scrollIntoView({ block: "nearest" });
}

function rate(value) {
  const radio = criteria[current]?.querySelector(`input[value="${value}"]`);
  if (!radio) return;
  radio.checked = true;
  radio.dispatchEvent(new Event("input", { bubbles: true }));
  describe(criteria[current]);
  focusCriterion(current + 1);
}

// Shows the description of the selected level under the scale.
function describe(box) {
  const anchor = box.querySelector(".anchor");
  if (anchor) anchor.textContent = box.querySelector("input:checked")?.dataset.anchor || "";
}

const button = (decision) => form.querySelector(`button[name=decision][value="${decision}"]`);
const edited = () => [...form.querySelectorAll("textarea[data-original]")].some((area) => area.value !== (area.dataset.original || area.defaultValue));

function choose(decision) {
  const selected = button(decision);
  if (!selected || selected.disabled) return;
  const comment = form.elements.comment;
  if (decision === "fix_and_accept" && !edited()) { openFix(); return; }
  if (NEED_REASON.includes(decision) && !comment.value.trim()) {
    pending = decision;
    form.querySelectorAll("button[name=decision]").forEach((item) => item.setAttribute("aria-pressed", String(item === selected)));
    document.querySelector("#pending").textContent = `${selected.dataset.label}: write a reason, then press Ctrl+Enter.`;
    comment.focus();
    return;
  }
  form.requestSubmit(selected);
}

function openFix() {
  const box = document.querySelector("#fix");
  box.open = true;
  [...box.querySelectorAll("textarea")].at(-1)?.focus();
}

const DECISIONS = { a: "accept", f: "fix_and_accept", r: "return", x: "reject", e: "escalate" };

function onDesk(event) {
  if (isSubmit(event)) { choose(pending || (edited() ? "fix_and_accept" : "accept")); return true; }
  if (inField(event) || !noModifier(event)) return false;
  const key = keyOf(event);
  if (/^[1-5]$/.test(key)) rate(key);
  else if (key === "0") rate("");
  else if (key === "j") focusCriterion(current + 1);
  else if (key === "k") focusCriterion(current - 1);
  else if (key === "w") form.elements.comment.focus();
  else if (button(DECISIONS[key])) choose(DECISIONS[key]);
  else return press(key, { g: "#release-button", u: "#undo-button" });
  return true;
}

function inQueue(event) {
  if (isSubmit(event)) return press("n", { n: "#next-button" });
  return !inField(event) && noModifier(event) && press(keyOf(event), { n: "#next-button", u: "#undo-button" });
}

// Clicks the button of the key if the page has it; returns whether it did.
function press(key, buttons) {
  const target = buttons[key] && document.querySelector(buttons[key]);
  target?.click();
  return Boolean(target);
}

async function renew() {
  if (document.visibilityState !== "visible") return;
  const status = document.querySelector("#lease-status");
  try {
    const response = await fetch(form.dataset.renew, { method: "POST", headers: { "X-CSRF-Token": form.elements.csrf.value } });
    status.textContent = response.ok ? "" : "You no longer hold this pair, so your decision may be rejected. " + drafts.status();
  } catch { status.textContent = "Can't reach the server. " + drafts.status(); }
}

drafts.begin(() => criteria.forEach(describe));
if (form) {
  focusCriterion(0);
  criteria.forEach((box, index) => {
    box.addEventListener("focusin", () => focusCriterion(index));
    box.addEventListener("change", () => describe(box));
    describe(box);
  });
  form.addEventListener("submit", (event) => {
    const decision = event.submitter?.value;
    if (NEED_REASON.includes(decision) && !form.elements.comment.value.trim()) { event.preventDefault(); choose(decision); }
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
