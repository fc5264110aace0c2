// @ts-check
/** The buttons that copy: a block of code, a message as it was written, the address of a message. */

import { toClipboard } from "./clipboard.js";
import { textOf } from "./html.js";
import { conversation, log, session } from "./log.js";

const SAID = 1600; // milliseconds that the button says so

/** @type {Record<string, (button: HTMLElement, line: HTMLElement | null) => string | Promise<string>>} */
const WHAT = {
  code: (button) => button.closest(".code")?.querySelector("code")?.textContent ?? "",
  message: (_, line) => textOf(`${log.dataset.linesUrl}${line?.dataset.messageId}/text/`),
  link: (_, line) => addressOf(String(line?.dataset.messageId)),
};

/** The page that shows a message. @param {string} id */
function addressOf(id) {
  const address = new URL(location.pathname, location.href);
  if (conversation !== session) address.searchParams.set("conversation", conversation);
  address.searchParams.set("message", id);
  address.hash = `m-${id}`;
  return String(address);
}

/** Say for a moment what became of it. @param {HTMLElement} button @param {string} word */
function say(button, word) {
  const label = (button.dataset.label ??= button.textContent ?? "");
  button.textContent = word;
  setTimeout(() => {
    button.textContent = label;
  }, SAID);
}

/** Let the buttons in the log copy. */
export function copying() {
  log.addEventListener("click", async ({ target }) => {
    const button = target instanceof Element ? target.closest("button") : null;
    const what = WHAT[button?.dataset.copy ?? ""];
    if (!button || !what) return;
    try {
      await toClipboard(await what(button, button.closest("article[data-message-id]")));
      say(button, log.dataset.copied ?? "Copied");
    } catch {
      say(button, log.dataset.uncopied ?? "Not copied");
    }
  });
}
