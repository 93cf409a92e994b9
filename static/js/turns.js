// The fields of the writing desk: turns, context documents, counters, write and preview, the share of pasted text.
const form = document.querySelector("#pair-form");
const changed = () => form.dispatchEvent(new Event("input", { bubbles: true }));
let pasted = 0, copied = "";

export const areas = () => [...form.querySelectorAll("textarea[name=content]")];
const roleOf = (area) => area.closest("[data-turn-field]").querySelector("input[name=role]").value;

// The turns as the server counts them: an empty instruction to the system is left out.
export const turns = () => areas().filter((area) => roleOf(area) !== "system" || area.value.trim());

export function count(area, tokens = null) {
  const box = area.closest("[data-turn-field]").querySelector("[data-counter]");
  const words = area.value.trim() ? area.value.trim().split(/\s+/).length : 0;
  if (tokens !== null) area.dataset.tokens = tokens;
  const known = area.dataset.tokens ? ` · ${area.dataset.tokens} token${area.dataset.tokens === "1" ? "" : "s"}` : "";
  box.textContent = `${words} word${words === 1 ? "" : "s"}${known}`;
}

function number() {
  areas().filter((area) => area.id !== "turn-system").forEach((area, at) => {
    const field = area.closest("[data-turn-field]"), id = `turn-${at + 1}`;
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
  if (typed && !window.confirm("Remove the last turn? What was saved of it stays in the history.")) return;
  last.forEach((field) => field.remove());
  number();
  areas().at(-1).focus();
  changed();
}

export function addDocument() {
  form.querySelector("#documents").append(form.querySelector("#document-template").content.cloneNode(true));
  number();
}

// Puts kept values ([[name, value], …] in the order of the form) back, with as many turns and documents as they need.
export function fill(values) {
  const of = (name) => values.filter(([one]) => one === name).map(([, value]) => value);
  const roles = of("role"), texts = of("content");
  const wanted = roles.map((role, at) => [role, texts[at]]).filter(([role], at) => at > 0 || role !== "system");
  form.querySelector("#turn-system").value = roles[0] === "system" ? texts[0] : "";
  while (form.querySelectorAll("#turns textarea").length > Math.max(2, wanted.length)) form.querySelector("#turns [data-turn-field]:last-of-type").remove();
  while (form.querySelectorAll("#turns textarea").length < wanted.length) addTurn();
  [...form.querySelectorAll("#turns [data-turn-field]")].forEach((field, at) => {
    if (!wanted[at]) return;
    [field.querySelector("input[name=role]").value, field.querySelector("textarea").value] = wanted[at];
  });
  while (form.querySelectorAll("[data-document]").length < of("context_text").length) addDocument();
  for (const name of ["context_title", "context_source", "context_text"]) {
    form.querySelectorAll(`[name=${name}]`).forEach((field, at) => { field.value = of(name)[at] ?? ""; });
  }
  form.querySelector("#waivers").replaceChildren();
  for (const [name, value] of values) {
    if (name.startsWith("waiver:")) waive(name.slice(7), value);
    else if (!["role", "content"].includes(name) && !name.startsWith("context_") && form.elements[name] && "value" in form.elements[name]) form.elements[name].value = value;
  }
  pasted = Number(form.elements.pasted_share.value) * length();
  number();
}

export function waive(code, reason) {
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
  field.querySelectorAll("[role=tab]").forEach((one) => { one.setAttribute("aria-selected", String(one === tab)); one.tabIndex = one === tab ? 0 : -1; });
  if (focus) tab.focus();
  area.hidden = preview;
  panel.hidden = !preview;
  if (!preview) return;
  const body = new FormData();
  body.set("csrf", form.elements.csrf.value);
  body.set("text", area.value);
  try {
    const answer = await fetch(form.dataset.preview, { method: "POST", body });
    if (!answer.ok) throw new Error(String(answer.status));
    panel.innerHTML = await answer.text(); // sanitised on the server
  } catch { panel.textContent = "The server gave no preview; go on writing, your text is kept here."; }
}

export function begin() {
  pasted = Number(form.elements.pasted_share.value) * length();
  number();
  form.addEventListener("input", (event) => { if (event.target.name === "content") { count(event.target); share(); } });
  for (const kind of ["copy", "cut"]) form.addEventListener(kind, () => { copied = String(document.getSelection()); });
  form.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text") ?? "";
    if (event.target.name === "content" && text !== copied) pasted += text.length; // one's own text, moved about, is no paste
  });
  form.addEventListener("click", (event) => {
    const tab = event.target.closest("[data-tab]");
    if (tab) show(tab);
    if (event.target.closest("[data-add-turn]")) { addTurn(); areas().at(-2).focus(); changed(); }
    if (event.target.closest("[data-remove-turn]")) removeTurn();
    if (event.target.closest("[data-add-document]")) { addDocument(); [...form.querySelectorAll("[name=context_title]")].at(-1).focus(); }
    const gone = event.target.closest("[data-remove-document]");
    if (gone) { gone.closest("[data-document]").remove(); number(); form.querySelector("[data-add-document]").focus(); changed(); }
  });
  form.addEventListener("keydown", (event) => {
    const tab = event.target.closest("[data-tab]");
    if (!tab || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    show([...tab.parentElement.children].find((one) => one !== tab), true);
  });
}
