// The reviewing desk: digits rate, letters decide, the lease is renewed while the tab is open and seen.
import { inField, moveOn, plain } from "./keys.js";

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

function onKey(event) {
  if (moveOn(event)) { event.preventDefault(); choose(pending || (edited() ? "fix_and_accept" : "accept")); return; }
  if (inField(event) || !plain(event) || document.querySelector("dialog[open]")) return;
  const letters = { a: "accept", f: "fix_and_accept", r: "return", x: "reject", e: "escalate" };
  if (/^[1-5]$/.test(event.key)) rate(event.key);
  else if (event.key === "0") rate("");
  else if (event.key === "j") point(current + 1);
  else if (event.key === "k") point(current - 1);
  else if (event.key === "w") form.elements.comment.focus();
  else if (event.key === "g") document.querySelector("#back-button")?.click();
  else if (event.key === "u") document.querySelector("#undo-button")?.click();
  else if (letters[event.key]) choose(letters[event.key]);
  else return;
  event.preventDefault();
}

async function renew() {
  if (document.visibilityState !== "visible") return;
  const said = document.querySelector("#lease-status");
  try {
    const answer = await fetch(form.dataset.renew, { method: "POST", headers: { "X-CSRF-Token": form.elements.csrf.value } });
    said.textContent = answer.ok ? "" : "This item is no longer held for you: what you decide now may be refused. Copy your comment.";
  } catch { said.textContent = "The server can't be reached; your work stays on this page."; }
}

if (form) {
  point(0);
  criteria.forEach((box, index) => {
    box.addEventListener("focusin", () => point(index));
    box.addEventListener("change", () => say(box));
    say(box);
  });
  document.addEventListener("keydown", onKey);
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
const next = document.querySelector("#next-button");
if (next) document.addEventListener("keydown", (event) => {
  if (moveOn(event) || (event.key === "n" && plain(event) && !inField(event))) next.click();
});
