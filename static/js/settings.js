// Project settings: adds and removes rules. Without this script, use the empty rows and “No rule”.
const list = document.querySelector("#rules");

function number() {
  list.querySelectorAll("[data-rule]").forEach((rule, at) => {
    rule.querySelector("legend").textContent = `Rule ${at + 1}`;
    rule.querySelectorAll("[id]").forEach((field) => {
      const id = field.id.replace(/[^-]+$/, String(at + 1));
      rule.querySelector(`label[for="${field.id}"]`).htmlFor = id;
      field.id = id;
    });
  });
}

if (list) {
  document.querySelectorAll(".needs-script").forEach((part) => part.classList.remove("needs-script"));
  list.querySelectorAll("[data-rule]").forEach((rule) => { if (!rule.querySelector("[name=rule_kind]").value) rule.remove(); });
  number();
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-add-rule]")) {
      const rule = document.querySelector("#rule-template").content.cloneNode(true);
      rule.querySelector(".needs-script")?.classList.remove("needs-script");
      list.append(rule);
      number();
      [...list.querySelectorAll("[name=rule_kind]")].at(-1).focus();
    }
    const removed = event.target.closest("[data-remove-rule]");
    if (removed) { removed.closest("[data-rule]").remove(); number(); document.querySelector("[data-add-rule]").focus(); }
  });
}
