// @ts-check
/** Who else looks at this session now, as far as it is known. Used by chat.js. */

import { page, part } from "./log.js";

const NAMED = 3;
/** @type {Record<string, string>} names by the numbers of users; of those one may not know there is none */
const people = JSON.parse(part("[data-people]").dataset.names ?? "{}");

/** @param {{actor: {type: string, id: string}, sockets: number}[] | null} watchers null while nobody can tell */
export function showPresence(watchers) {
  const shown = part("[data-people]");
  const words = /** @type {Record<string, string>} */ (shown.dataset);
  const mine = String(page.dataset.user);
  const others = (watchers ?? []).filter(({ actor }) => actor.type !== "user" || actor.id !== mine);
  const windows = (watchers ?? []).find(({ actor }) => actor.type === "user" && actor.id === mine)?.sockets ?? 1;
  const said = [];
  if (others.length) said.push((others.length > 1 ? words.many : words.one).replace("%s", named(others, words)));
  if (windows > 1) said.push(words.yours);
  shown.textContent = said.join(" · ");
  shown.hidden = !said.length;
}

/** @param {{actor: {id: string}}[]} others @param {Record<string, string>} words */
function named(others, words) {
  const names = others.slice(0, NAMED).map(({ actor }) => people[actor.id] ?? words.somebody);
  if (others.length > NAMED) names.push(words.others.replace("%s", String(others.length - NAMED)));
  const last = names.pop();
  return names.length ? `${names.join(", ")} ${words.and} ${last}` : String(last);
}
