// @ts-check
/** Lines of the log as the server writes them: other parts of the conversation, and single messages anew. */

import { elementsOf, textOf } from "./html.js";
import { conversation, keepingTheEnd, linesOf, log, messageOf } from "./log.js";

const MOST = 50; // messages in one request
const TRIES = 4;
const AGAIN = 1500; // milliseconds, each time twice as long

/** @typedef {{lines: HTMLElement[], lower: string | null, upper: string | null}} Part `lower`, `upper`: where there is more */

/** What the server says stands there. @param {string[][]} query @returns {Promise<Part>} */
export async function fetchLines(query) {
  const address = `${log.dataset.linesUrl}?${new URLSearchParams([["conversation", conversation], ...query])}`;
  const [section] = elementsOf(await textOf(address));
  const { lower = null, upper = null } = section.dataset;
  return { lines: /** @type {HTMLElement[]} */ ([...section.children]), lower, upper };
}

/** @type {Map<string, number>} the messages to ask for, and how often that has failed */
const wanted = new Map();
let asking = false;

/** Have a message, or the one in whose card it stands, written anew by the server. @param {string | undefined} id */
export function refresh(id) {
  const line = id && messageOf(id)?.closest("article[data-message-id]");
  if (!(line instanceof HTMLElement) || !line.dataset.messageId) return;
  wanted.set(line.dataset.messageId, 0);
  if (!asking) void ask();
}

/** All messages of a run: what is known of it has changed. @param {string | undefined} run */
export function refreshRun(run) {
  if (run) linesOf(run).forEach((line) => refresh(line.dataset.messageId));
}

/** Where a tool has answered before the card of its call is there: have the line that called it written, with the result.
 * @param {HTMLElement} line */
export function refreshCaller(line) {
  let caller = line.previousElementSibling;
  while (caller instanceof HTMLElement && caller.dataset.role === "tool") caller = caller.previousElementSibling;
  if (caller instanceof HTMLElement) refresh(caller.dataset.messageId);
}

async function ask() {
  asking = true;
  await new Promise((resolve) => setTimeout(resolve, 0)); // what comes in the same moment goes together
  while (wanted.size) {
    const asked = [...wanted].slice(0, MOST);
    asked.forEach(([id]) => wanted.delete(id));
    try {
      const { lines } = await fetchLines(asked.map(([id]) => ["id", id]));
      await new Promise((resolve) => setTimeout(resolve, 0)); // reading a long line is work enough for one frame
      keepingTheEnd(() => lines.forEach(exchange));
    } catch {
      const failed = Math.max(...asked.map(([, tries]) => tries)) + 1;
      if (failed < TRIES) asked.forEach(([id]) => wanted.set(id, failed)); // what was shown plainly stays meanwhile
      await new Promise((resolve) => setTimeout(resolve, AGAIN * 2 ** failed));
    }
  }
  asking = false;
}

/** Put a line in place of the one that is shown; what the reader had opened stays open. @param {HTMLElement} made */
function exchange(made) {
  const old = made.dataset.messageId ? messageOf(made.dataset.messageId) : null;
  if (!old || old.isEqualNode(made)) return;
  const folds = [...made.querySelectorAll("details")];
  [...old.querySelectorAll("details")].forEach((fold, index) => {
    if (fold.open && folds[index]) folds[index].open = true;
  });
  const held = [...old.querySelectorAll("button, a")].findIndex((one) => one === document.activeElement);
  old.replaceWith(made);
  for (const result of /** @type {NodeListOf<HTMLElement>} */ (made.querySelectorAll(".result[data-message-id]")))
    log.querySelector(`:scope > [data-message-id="${CSS.escape(String(result.dataset.messageId))}"]`)?.remove();
  if (held >= 0) /** @type {HTMLElement | undefined} */ ([...made.querySelectorAll("button, a")][held])?.focus();
}
