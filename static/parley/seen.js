// @ts-check
/**
 * What this browser has seen of each session: the version a page of it showed, and how many messages the list counted.
 * A session is unread where both have grown. Kept in localStorage; what it never saw counts as seen when it first comes.
 */

const KEY = "seen";
const MOST = 500;

/** @typedef {[version: number, count: number]} Seen */

/** @returns {Record<string, Seen>} */
function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

/** The latest ones stay. @param {Record<string, Seen>} all */
function write(all) {
  try {
    localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(Object.entries(all).slice(-MOST))));
  } catch {
    // the browser keeps nothing for us: then nothing is unread either
  }
}

/** @param {string} id @param {Seen} seen */
function keep(id, seen) {
  const all = read();
  delete all[id]; // to the end
  write({ ...all, [id]: seen });
}

/** A page of the session is before the reader at this version. @param {string} id @param {number} version */
export function saw(id, version) {
  const had = read()[id];
  if (!had || version > had[0]) keep(id, [version, had?.[1] ?? 0]);
}

/** Whether there are messages that nobody at this browser has seen. @param {string} id @param {number} version
 * @param {number} count @param {boolean} isNew it has come while the list was open */
export function isUnread(id, version, count, isNew) {
  const had = read()[id] ?? (isNew ? [0, 0] : [version, count]);
  if (version <= had[0] && count !== had[1]) keep(id, [had[0], count]);
  else if (!read()[id]) keep(id, /** @type {Seen} */ (had));
  return version > had[0] && count > had[1];
}
