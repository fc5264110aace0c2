// @ts-check
/** HTML that our server has made, as elements. It is parsed as a document of its own, in which nothing runs or loads. */

import { localize } from "./elements.js";
import { translate } from "./words.js";

/** The elements in a piece of HTML. @param {string} text @returns {HTMLElement[]} */
export function elementsOf(text) {
  const parsed = new DOMParser().parseFromString(text, "text/html");
  const made = /** @type {HTMLElement[]} */ ([...parsed.body.children]);
  parsed.body.querySelectorAll("time").forEach(localize);
  return made.map((one) => document.adoptNode(one));
}

/** What the server answers, as text. Rejects with what went wrong. @param {string} address @param {RequestInit} [how] */
export async function textOf(address, how = {}) {
  const answer = await fetch(address, { credentials: "same-origin", ...how });
  if (answer.redirected) throw new Error(translate("You are logged out."));
  if (!answer.ok) throw new Error(translate("The server answered {status}.", { status: answer.status }));
  return answer.text();
}
