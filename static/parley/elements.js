// @ts-check
/** Small makers of elements, for all pages. */

/** @param {string} name @param {string} className @param {string} [text] */
export function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Show a time in the reader's own zone and language. @param {HTMLTimeElement} time */
export function localize(time) {
  time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** A time as an element. @param {string} iso */
export function moment(iso) {
  const time = document.createElement("time");
  time.dateTime = iso;
  localize(time);
  return time;
}

/** @param {string | undefined} address @param {string} words */
export function linkTo(address, words) {
  const link = document.createElement("a");
  link.href = String(address);
  link.textContent = words;
  return link;
}
