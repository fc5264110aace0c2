// @ts-check
/** What was written and not sent, kept in this browser for each conversation and person. Used by composer.js. */

import { conversation, page } from "./log.js";

/** @typedef {{text: string, files: import("./attachments.js").Kept[]}} Draft */

const KEY = `draft:${page.dataset.user}:${conversation}`;

/** @param {Draft} draft */
export function keep(draft) {
  try {
    if (draft.text || draft.files.length) localStorage.setItem(KEY, JSON.stringify(draft));
    else localStorage.removeItem(KEY);
  } catch {
    // the browser keeps nothing, or has no room: it is still in the box
  }
}

/** @returns {Draft} */
export function kept() {
  try {
    const { text = "", files = [] } = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return { text: String(text), files };
  } catch {
    return { text: "", files: [] };
  }
}
