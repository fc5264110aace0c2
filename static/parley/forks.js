// @ts-check
/** The buttons of a message that begin a fork, and what is told of the session's other conversations. Used by chat.js. */

import { command, tell, textOf, withText } from "./asking.js";
import { branched } from "./branches.js";
import { element } from "./elements.js";
import { conversation, page, part, session } from "./log.js";
import { read } from "./send.js";
import { translate } from "./words.js";

/** @typedef {import("./live.js").Envelope} Envelope */

/** @param {string} id */
const addressOf = (id) => (id === session ? location.pathname : `?conversation=${id}`);

/** @type {Record<string, (event: Envelope) => void>} */
export const SHOW_CONVERSATIONS = {
  "conversation-started": branched,
  "conversation-updated": ({ data }) => {
    branched();
    if (data.conversation_id === conversation && typeof data.is_archived === "boolean") location.reload();
  },
};

/** Begin a fork at a message, and go there. @param {string} name @param {HTMLElement} line @param {object} [more] */
async function begin(name, line, more) {
  try {
    const begun = await command(name, { message_id: line.dataset.messageId, ...more });
    location.assign(addressOf(begun.id));
  } catch (error) {
    tell(error);
  }
}

export function forks() {
  part("[role=log]").addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest("button") : null;
    const line = /** @type {HTMLElement | null} */ (button?.closest("[data-message-id]"));
    const name = button?.dataset.begins;
    if (!name || !line) return;
    if (name === "edit-message") void edit(line);
    else void begin(name, line);
  });
}

/** The last message that somebody said, or the model, or any. @param {string} [role] */
function last(role) {
  const lines = page.querySelectorAll(`[role=log] > [data-message-id]${role ? `[data-role="${role}"]` : ""}`);
  return /** @type {HTMLElement | undefined} */ ([...lines].at(-1));
}

/** What can be done with the end of the conversation; false where there is nothing to do it with. @type {Record<string, () => boolean>} */
export const AT_THE_END = {
  fork: () => withLast(undefined, (line) => begin("fork-conversation", line)),
  again: () => withLast("assistant", (line) => begin("regenerate-message", line)),
  edit: () => withLast("user", edit),
};

/** @param {string | undefined} role @param {(line: HTMLElement) => unknown} act */
function withLast(role, act) {
  const line = last(role);
  if (line) void act(line);
  return Boolean(line);
}

/** A box with what was said, to say it otherwise; what is no text stays. @param {HTMLElement} line */
async function edit(line) {
  if (line.querySelector(".editing")) return;
  try {
    const { content } = await read(`${page.dataset.messagesUrl}${line.dataset.messageId}/`);
    ask(line, textOf(content), (text) => begin("edit-message", line, { content: withText(content, text) }));
  } catch (error) {
    tell(error);
  }
}

/** Enter says it, Escape gives it up. @param {HTMLElement} place @param {string} text
 * @param {(text: string) => void} say */
export function ask(place, text, say) {
  const form = element("form", "editing");
  const [box, close] = [document.createElement("textarea"), element("button", "quiet", translate("Cancel"))];
  /** @type {HTMLButtonElement} */ (close).type = "button";
  box.value = text;
  box.setAttribute("aria-label", translate("Message"));
  form.append(box, close, element("button", "", translate("Send")));
  const done = () => {
    form.remove();
    part(".composer textarea").focus();
  };
  close.addEventListener("click", done);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (box.value.trim()) say(box.value);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      done();
    } else if (event.key === "Enter" && event.target === box && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      /** @type {HTMLFormElement} */ (form).requestSubmit();
    }
  });
  place.append(form);
  box.focus();
  box.setSelectionRange(text.length, text.length);
}
