// What the desks keep in this browser, an entry for each person and place. Where the store is full or refused, nothing is kept and nothing breaks.
const OLD = 30 * 86400e3, OURS = /^(draft|verdict):/;

// Whether it is kept.
export function keep(key, entry) {
  try { localStorage.setItem(key, JSON.stringify({ at: Date.now(), ...entry })); return true; } catch { return false; /* full or refused */ }
}

export function drop(key) {
  try { localStorage.removeItem(key); } catch { /* refused: there was nothing in it */ }
}

// The entries whose key begins so, newest first. What nobody came back for in a month goes, and what can't be read.
export function entries(prefix) {
  let keys = [];
  try { keys = Object.keys(localStorage).filter((key) => OURS.test(key)); } catch { /* refused */ }
  const all = keys.map((key) => ({ ...read(key), key }));
  const good = all.filter((one) => Array.isArray(one.values) && Date.now() - one.at < OLD);
  all.filter((one) => !good.includes(one)).forEach((one) => drop(one.key));
  return good.filter((one) => one.key.startsWith(prefix)).sort((one, other) => other.at - one.at);
}

function read(key) {
  try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
}
