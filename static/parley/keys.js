// @ts-check
/**
 * Single keys, for all pages: `keys("Chat", [["r", "Answer again", again], ["g s", "Go to the sessions", go]])`.
 * A key is what `event.key` says, or two of them one after the other. Nothing happens while somebody types, while a
 * dialog is open, or with Ctrl, Alt or Meta. What is registered is what the dialog of `?` lists.
 *
 * @typedef {[key: string, what: string, handler: (event: KeyboardEvent) => void]} Key
 */

import { element } from "./elements.js";

const PATIENCE = 1_200; // milliseconds in which the second key has to come
const OFF = "keys-off";
const TYPED = "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=button], [type=submit])";

/** @type {Map<string, Key[]>} */
const scopes = new Map();
let first = "";
let since = 0;

/**
 * From now on, these keys do this; of two that are the same, the later one. Returns a function that ends it.
 * @param {string} scope the heading in the map @param {Key[]} given
 */
export function keys(scope, given) {
  scopes.set(scope, [...(scopes.get(scope) ?? []), ...given]);
  return () => {
    const left = (scopes.get(scope) ?? []).filter((key) => !given.includes(key));
    if (left.length) scopes.set(scope, left);
    else scopes.delete(scope);
  };
}

/** Whether the reader wants them: who speaks to the computer, or presses keys by accident, turns them off. */
export function wanted() {
  try {
    return localStorage.getItem(OFF) === null;
  } catch {
    return true; // the browser keeps nothing for us
  }
}

/** @param {boolean} on */
export function want(on) {
  if (on) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, "1");
}

/** @param {string} pressed */
function handlerOf(pressed) {
  const all = [...scopes.values()].flat();
  return all.findLast(([key]) => key === pressed)?.[2];
}

/** @param {string} pressed */
const begins = (pressed) => [...scopes.values()].flat().some(([key]) => key.startsWith(`${pressed} `));

/** @param {KeyboardEvent} event */
function isForUs(event) {
  if (event.defaultPrevented || event.isComposing || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return false;
  if (event.target instanceof Element && event.target.closest(TYPED)) return false;
  return wanted() && document.querySelector("dialog[open]") === null;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Shift" || !isForUs(event)) return;
  const before = Date.now() - since < PATIENCE ? first : "";
  first = "";
  const handler = (before && handlerOf(`${before} ${event.key}`)) || handlerOf(event.key);
  if (handler) {
    event.preventDefault();
    handler(event);
  } else if (begins(event.key)) [first, since] = [event.key, Date.now()];
});

/** The map of what is registered, for the dialog. */
export function map() {
  const made = document.createDocumentFragment();
  for (const [scope, given] of scopes) {
    const list = element("dl", "map");
    for (const [key, what] of given) {
      const pressed = element("dt", "");
      pressed.append(...key.split(" ").map((one) => element("kbd", "", one)));
      list.append(pressed, element("dd", "", what));
    }
    made.append(element("h3", "", scope), list);
  }
  return made;
}
