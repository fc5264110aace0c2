// @ts-check
/** How the session page asks the server for something, and says what went wrong. Used by all its parts. */

import { linkTo } from "./elements.js";
import { page, part, session } from "./log.js";
import { Unsent, post, uuid } from "./send.js";
import { translate } from "./words.js";

export const loginLink = () => linkTo(page.dataset.loginUrl, translate("Log in again"));

/** Tell what went wrong, or with "" that it is over. @param {unknown} error */
export function tell(error) {
  const problem = part("[data-problem]");
  problem.textContent = error instanceof Error ? error.message : String(error);
  problem.hidden = !error;
  if (error instanceof Unsent && error.status === 401) problem.append(" ", loginLink());
}

/** @param {string} url @param {object | Blob} body @param {string} [key] kept while it is not known what became of it */
export const sent = (url, body, key = uuid()) =>
  post(url, body, { key, csrf: String(page.dataset.csrf), onRetry: (why) => tell(translate("{why} Trying again…", { why })) });

/** A command about this session; what it answers. @param {string} name @param {object} [fields] @param {string} [key] */
export async function command(name, fields = {}, key) {
  const answer = await sent(String(page.dataset.commandsUrl), { name, payload: { session_id: session, ...fields } }, key);
  tell("");
  return answer.data;
}

/** What is said in parts, as one text. @param {any[]} content */
export const textOf = (content) => content.filter(({ type }) => type === "text").map(({ text }) => text).join("");

/** Another text in its place; what is no text stays. @param {any[]} content @param {string} text */
export const withText = (content, text) => [{ type: "text", text }, ...content.filter(({ type }) => type !== "text")];
