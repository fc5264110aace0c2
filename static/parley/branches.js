// @ts-check
/** How the conversations branch: the tree above, and "2/3" at messages that have others beside them. Both are the
 * server's; used by chat.js and forks.js. */

import { page, part } from "./log.js";
import { fetched } from "./dialogs.js";

const PAUSE = 150; // milliseconds: several changes are asked about at once
/** @type {ReturnType<typeof setTimeout> | undefined} */
let soon;

/** The arrows go to their messages, also to those that came or were shown anew since. */
function place() {
  const points = /** @type {HTMLTemplateElement} */ (part("template[data-points]"));
  for (const point of /** @type {NodeListOf<HTMLElement>} */ (points.content.querySelectorAll("[data-at]"))) {
    const at = CSS.escape(String(point.dataset.at));
    const message = page.querySelector(`[role=log] [data-message-id="${at}"]`);
    const there = message?.querySelector(".siblings");
    if (!message || (there && there.isEqualNode(point))) continue;
    there?.remove();
    (message.querySelector(":scope > .actions") ?? message).append(point.cloneNode(true));
  }
}

/** Ask how they branch now. */
export function branched() {
  clearTimeout(soon);
  soon = setTimeout(async () => {
    try {
      const open = /** @type {HTMLDetailsElement} */ (part("[data-conversations]")).open;
      part("[data-branches]").replaceChildren(...(await fetched(String(page.dataset.branchesUrl))));
      /** @type {HTMLDetailsElement} */ (part("[data-conversations]")).open = open;
      page.querySelectorAll("[role=log] .siblings").forEach((shown) => shown.remove());
      place();
    } catch {
      // the next change asks again
    }
  }, PAUSE);
}

/** The first message of a conversation is one more version. @param {string} conversation */
export function said(conversation) {
  if (part("[data-conversations]").dataset.pending?.includes(conversation)) branched();
}

export function branches() {
  place();
  new MutationObserver(place).observe(part("[role=log]"), { childList: true, subtree: true });
}
