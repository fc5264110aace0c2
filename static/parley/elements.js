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
