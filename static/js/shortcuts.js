// Keyboard rules shared by the desks: single letters only outside fields, Ctrl or Cmd with Enter everywhere.
export function inField(event) {
  const element = event.target;
  if (!(element instanceof HTMLElement)) return false;
  if (element.isContentEditable || element.tagName === "TEXTAREA" || element.tagName === "SELECT") return true;
  return element.tagName === "INPUT" && !["radio", "checkbox", "button", "submit"].includes(element.type);
}

export const plain = (event) => !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat;

// The letter whatever the state of Caps Lock.
export const letter = (event) => event.key.toLowerCase();

export const moveOn = (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey);
