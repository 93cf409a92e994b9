// The fields of the writing page: turns, context documents, counters, previews, the share of pasted text.
const form = document.querySelector("#pair-form");
const changed = () => form.dispatchEvent(new Event("input", { bubbles: true }));
let pasted = 0, copied = "";

export const areas = () => [...form.querySelectorAll("textarea[name=content]")];
const roleOf = (area) => area.closest("[data-turn-field]").querySelector("input[name=role]").value;

// The turns as the server counts them, without an empty system message.
export const turns = () => areas().filter((area) => roleOf(area) !== "system" || area.value.trim());

export function count(area, tokens = null) {
  const box = area.closest("[data-turn-field]").querySelector("[data-counter]");
  const words = area.value.trim() ? area.value.trim().split(/\s+/).length : 0;
  if (tokens !== null) area.dataset.tokens = tokens;
  const known = area.dataset.tokens ? ` · ${area.dataset.tokens} token${area.dataset.tokens === "1" ? "" : "s"}` : "";
  box.textContent = `${words} word${words === 1 ? "" : "s"}${known}`;
}

// Numbers and names the turns: Prompt and Completion, or User 1, Assistant 1, … for several exchanges.
function number() {
  const dialog = areas().filter((area) => area.id !== "turn-system");
  dialog.forEach((area, at) => {
    const field = area.closest("[data-turn-field]"), id = `turn-${at + 1}`, isUser = roleOf(area) === "user";
    const before = dialog.slice(0, at + 1).filter((item) => roleOf(item) === roleOf(area)).length;
    const name = dialog.length === 2 ? (isUser ? "Prompt" : "Completion") : `${isUser ? "User" : "Assistant"} ${before}`;
    field.querySelector("label").textContent = name;
    field.querySelector("[role=tablist]").setAttribute("aria-label", name);
    field.querySelector(".preview").setAttribute("aria-label", `${name}: preview`);
    field.querySelector("label").htmlFor = area.id = id;
    field.querySelector(".preview").id = `${id}-preview`;
    field.querySelector("[data-tab=write]").setAttribute("aria-controls", id);
    field.querySelector("[data-tab=preview]").setAttribute("aria-controls", `${id}-preview`);
  });
  form.querySelectorAll("[data-document]").forEach((box, at) => box.querySelectorAll("[aria-label]").forEach((field) => {
    field.setAttribute("aria-label", field.getAttribute("aria-label").replace(/(document )\S+$/, `$1${at + 1}`));
  }));
  form.querySelector("[data-remove-turn]").hidden = form.querySelectorAll("#turns textarea").length < 3;
  document.querySelectorAll(".needs-script").forEach((part) => part.classList.remove("needs-script"));
  areas().forEach((area) => count(area));
}

export function addTurn() {
  form.querySelector("#turns").append(form.querySelector("#turn-template").content.cloneNode(true));
  number();
}

function removeTurn() {
  const last = [...form.querySelectorAll("#turns [data-turn-field]")].slice(-2);
  const typed = last.some((field) => field.querySelector("textarea").value.trim());
  if (typed && !window.confirm("Remove the last turn? Saved versions stay in the history.")) return;
  last.forEach((field) => field.remove());
  number();
  areas().at(-1).focus();
  changed();
}

export function addDocument() {
  form.querySelector("#documents").append(form.querySelector("#document-template").content.cloneNode(true));
  number();
}

// Restores saved values ([[name, value], …] in the order of the form), adding turns and documents as needed.
export function fill(values) {
  const of = (name) => values.filter(([field]) => field === name).map(([, value]) => value);
  const roles = of("role"), texts = of("content");
  const saved = roles.map((role, at) => [role, texts[at]]).filter(([role], at) => at > 0 || role !== "system");
  form.querySelector("#turn-system").value = roles[0] === "system" ? texts[0] : "";
  while (form.querySelectorAll("#turns textarea").length > Math.max(2, saved.length)) form.querySelector("#turns [data-turn-field]:last-of-type").remove();
  while (form.querySelectorAll("#turns textarea").length < saved.length) addTurn();
  [...form.querySelectorAll("#turns [data-turn-field]")].forEach((field, at) => {
    if (!saved[at]) return;
    [field.querySelector("input[name=role]").value, field.querySelector("textarea").value] = saved[at];
  });
  while (form.querySelectorAll("[data-document]").length < of("context_text").length) addDocument();
  for (const name of ["context_title", "context_source", "context_text"]) {
    form.querySelectorAll(`[name=${name}]`).forEach((field, at) => { field.value = of(name)[at] ?? ""; });
  }
  form.querySelector("#waivers").replaceChildren();
  for (const [name, value] of values) {
    if (name.startsWith("waiver:")) setWaiver(name.slice(7), value);
    else if (!["role", "content"].includes(name) && !name.startsWith("context_") && form.elements[name] && "value" in form.elements[name]) form.elements[name].value = value;
  }
  pasted = Number(form.elements.pasted_share.value) * length();
  number();
}

export function setWaiver(code, reason) {
  form.querySelector(`#waivers [name="waiver:${code}"]`)?.remove();
  if (reason === null) return;
  const field = Object.assign(document.createElement("input"), { type: "hidden", name: `waiver:${code}`, value: reason });
  form.querySelector("#waivers").append(field);
}

const length = () => areas().reduce((sum, area) => sum + area.value.length, 0);

function share() {
  const whole = length();
  form.elements.pasted_share.value = whole ? Math.min(1, pasted / whole).toFixed(3) : "0";
}

async function show(tab, focus = false) {
  const field = tab.closest("[data-turn-field]"), area = field.querySelector("textarea"), panel = field.querySelector(".preview");
  const preview = tab.dataset.tab === "preview";
  field.querySelectorAll("[role=tab]").forEach((item) => { item.setAttribute("aria-selected", String(item === tab)); item.tabIndex = item === tab ? 0 : -1; });
  if (focus) tab.focus();
  area.hidden = preview;
  panel.hidden = !preview;
  if (!preview) return;
  const body = new FormData();
  body.set("csrf", form.elements.csrf.value);
  body.set("text", area.value);
  try {
    const response = await fetch(form.dataset.preview, { method: "POST", body });
    if (!response.ok) throw new Error(String(response.status));
    panel.innerHTML = await response.text(); // sanitized on the server
  } catch { panel.textContent = "Preview not available. Your text is safe."; }
}

export function begin() {
  pasted = Number(form.elements.pasted_share.value) * length();
  number();
  form.addEventListener("input", (event) => { if (event.target.name === "content") { count(event.target); share(); } });
  for (const kind of ["copy", "cut"]) form.addEventListener(kind, () => { copied = String(document.getSelection()); });
  form.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text") ?? "";
    if (event.target.name === "content" && text !== copied) pasted += text.length; // moving your own text is not pasting
  });
  form.addEventListener("click", (event) => {
    const tab = event.target.closest("[data-tab]");
    if (tab) show(tab);
    if (event.target.closest("[data-add-turn]")) { addTurn(); areas().at(-2).focus(); changed(); }
    if (event.target.closest("[data-remove-turn]")) removeTurn();
    if (event.target.closest("[data-add-document]")) { addDocument(); [...form.querySelectorAll("[name=context_title]")].at(-1).focus(); }
    const removed = event.target.closest("[data-remove-document]");
    if (removed) { removed.closest("[data-document]").remove(); number(); form.querySelector("[data-add-document]").focus(); changed(); }
  });
  form.addEventListener("keydown", (event) => {
    const tab = event.target.closest("[data-tab]");
    if (!tab || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    show([...tab.parentElement.children].find((item) => item !== tab), true);
  });
}
