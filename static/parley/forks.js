// @ts-check
/** The session's other conversations: the list of them, and the buttons of a message that begin a fork. Used by chat.js. */

import { conversation, page, part, session } from "./log.js";
import { element } from "./elements.js";
import { uuid } from "./send.js";

/** @typedef {import("./live.js").Envelope} Envelope */

/** @param {string} id @returns {HTMLElement | null} */
const linkTo = (id) => page.querySelector(`[data-conversations] [data-to="${CSS.escape(id)}"]`);

/** @param {string} id */
const addressOf = (id) => (id === session ? location.pathname : `?conversation=${id}`);

/** @param {string} id @param {string} name */
function offer(id, name) {
  if (linkTo(id)) return;
  const link = /** @type {HTMLAnchorElement} */ (element("a", "", name));
  link.href = addressOf(id);
  link.dataset.to = id;
  const [main] = part("[data-conversations] nav").children;
  main.after(" ", link); // then the newest first, as on the server
  part("[data-conversations]").hidden = false;
}

/** @type {Record<string, (event: Envelope) => void>} */
export const SHOW_CONVERSATIONS = {
  "conversation-started": ({ data }) => offer(data.conversation_id, data.name),
  "conversation-updated": ({ data }) => {
    const link = linkTo(data.conversation_id);
    if (data.name && link) link.textContent = data.name;
    if (data.name && data.conversation_id === conversation) part("[data-conversation-name]").textContent = data.name;
    if (data.is_archived) link?.remove();
    if (data.conversation_id === conversation && typeof data.is_archived === "boolean") location.reload();
  },
};

/** @typedef {(url: string, body: object, key: string) => Promise<any>} Send */

/** The buttons that begin a fork, and go there. @param {Send} sent @param {(error: unknown) => void} tell */
export function forks(sent, tell) {
  /** @param {string} name @param {HTMLElement} line @param {object} [more] */
  const begin = async (name, line, more) => {
    const payload = { session_id: session, message_id: line.dataset.messageId, ...more };
    try {
      location.assign(addressOf((await sent(String(page.dataset.commandsUrl), { name, payload }, uuid())).data.id));
    } catch (error) {
      tell(error);
    }
  };
  part("[role=log]").addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest("button") : null;
    const line = /** @type {HTMLElement | null} */ (button?.closest("[data-message-id]"));
    const name = button?.dataset.begins;
    if (!name || !line) return;
    if (name === "edit-message") edit(line, (content) => begin(name, line, { content })).catch(tell);
    else void begin(name, line);
  });
}

/** A box with what was said, to say it otherwise; what is no text stays. @param {HTMLElement} line
 * @param {(content: any[]) => void} say */
async function edit(line, say) {
  if (line.querySelector(".editing")) return;
  const answer = await fetch(`${page.dataset.messagesUrl}${line.dataset.messageId}/`, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
  const { content } = await answer.json();
  /** @param {boolean} text */
  const parts = (text) => content.filter((/** @type {any} */ one) => (one.type === "text") === text);
  const form = element("form", "editing");
  const box = document.createElement("textarea");
  box.value = parts(true).map((/** @type {any} */ one) => one.text).join("");
  box.setAttribute("aria-label", "Message");
  form.append(box, element("button", "quiet", "Send"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (box.value.trim()) say([{ type: "text", text: box.value }, ...parts(false)]);
  });
  line.append(form);
  box.focus();
}
