// @ts-check
/**
 * Lines of the log in the moment they come: plainly, and only until the server has written them (`lines.js`), since it
 * alone knows how. Text only ever by textContent.
 *
 * @typedef {{message_id: string, role: string, content: any[], run_id?: string | null, position: number, when: string}} Said
 */

import { element, moment } from "./elements.js";
import { isGrowing } from "./stream.js";
import { translate } from "./words.js";

/** What they are called, as in sessions_app/pages/names.py. @type {Record<string, string>} */
const ROLES = {
  user: translate("user"),
  assistant: translate("assistant"),
  system: translate("system"),
  tool: translate("tool"),
  summary: translate("summary"),
};

/** A button that runs a command about the run, or the tool call, it stands in. @param {string} label
 * @param {string} command @param {Record<string, string>} [more] data attributes */
export function button(label, command, more = {}) {
  const made = /** @type {HTMLButtonElement} */ (element("button", "quiet", label));
  made.type = "button";
  Object.assign(made.dataset, { command, ...more });
  return made;
}

/** What parts say in words. @param {any[]} content */
const words = (content) =>
  content.map((part) => part.text ?? part.content ?? part.alt_text ?? part.name ?? "").filter(Boolean).join("\n");

/** Whose line it is, a mark, a moment. @param {string} role @param {string} mark @param {string} [when] */
export function header(role, mark, when) {
  const made = document.createElement("header");
  made.append(element("span", "role", ROLES[role] ?? role));
  if (when) made.append(" ", moment(when));
  if (mark) made.append(" ", element("span", "mark", mark));
  return made;
}

/** Say something else in a line. @param {HTMLElement} target @param {any[]} content */
export function setContent(target, content) {
  const said = element("div", "text", words(content));
  const old = [...target.children].filter((child) => !child.matches("header, .actions, .foot, .editing"));
  if (old.length === 1 && old[0].isEqualNode(said)) return;
  old.forEach((child) => child.remove());
  target.querySelector("header")?.after(said);
}

/** A message; `target` is the open run it completes, whose text stays as it has grown, so that nothing flashes.
 * @param {Said} said @param {HTMLElement} [target] */
export function message(said, target = element("article", "message")) {
  delete target.dataset.open;
  target.removeAttribute("aria-busy");
  target.querySelector(":scope > .actions")?.remove();
  target.id = `m-${said.message_id}`;
  Object.assign(target.dataset, { role: said.role, messageId: said.message_id, position: String(said.position) });
  if (said.run_id) target.dataset.runId = said.run_id;
  target.querySelector("header")?.remove();
  target.prepend(header(said.role, "", said.when));
  if (!isGrowing(target)) setContent(target, said.content);
  return target;
}

/** What a tool answered, in the card of its call. @param {HTMLElement} card @param {Said} said */
export function answer(card, said) {
  card.querySelector(".decision")?.remove();
  const result = element("div", "result");
  result.dataset.messageId = said.message_id;
  result.append(element("pre", "text", words(said.content)));
  card.append(result);
}
