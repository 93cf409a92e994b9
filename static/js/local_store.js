// Drafts in localStorage, one entry per user and page. If storage is full or blocked, nothing is saved and nothing breaks.
const MAX_AGE = 30 * 86400e3, OURS = /^(draft|decision):/;

// Returns whether the entry was saved.
export function save(key, entry) {
  try { localStorage.setItem(key, JSON.stringify({ at: Date.now(), ...entry })); return true; } catch { return false; /* full or blocked */ }
}

export function remove(key) {
  try { localStorage.removeItem(key); } catch { /* blocked: there is nothing to remove */ }
}

// Entries whose key starts with the prefix, newest first. Deletes unreadable entries and those older than 30 days.
export function entries(prefix) {
  let keys = [];
  try { keys = Object.keys(localStorage).filter((key) => OURS.test(key)); } catch { /* blocked */ }
  const all = keys.map((key) => ({ ...read(key), key }));
  const good = all.filter((entry) => Array.isArray(entry.values) && Date.now() - entry.at < MAX_AGE);
  all.filter((entry) => !good.includes(entry)).forEach((entry) => remove(entry.key));
  return good.filter((entry) => entry.key.startsWith(prefix)).sort((a, b) => b.at - a.at);
}

function read(key) {
  try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
}
