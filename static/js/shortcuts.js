// Keyboard rules: single letters work only outside fields, Ctrl or Cmd + Enter works everywhere.
export function inField(event) {
  const element = event.target;
  if (!(element instanceof HTMLElement)) return false;
  if (element.isContentEditable || element.tagName === "TEXTAREA" || element.tagName === "SELECT") return true;
  return element.tagName === "INPUT" && !["radio", "checkbox", "button", "submit"].includes(element.type);
}

export const noModifier = (event) => !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat;

// The key in lowercase, so that Caps Lock makes no difference.
export const keyOf = (event) => event.key.toLowerCase();

export const isSubmit = (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey);
