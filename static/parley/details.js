// @ts-check
/** What is told of a graph and of the node that is looked at, in words. Used by graph.js. */

import { attempted, called, sign } from "./drawing.js";
import { element, moment } from "./elements.js";
import { translate } from "./words.js";

/** @typedef {import("./drawing.js").GraphNode} GraphNode */
/** @typedef {{done: number, total: number, running: number, failed: number, tokens: number, cost: string | null,
 *   eta_seconds: number | null}} Progress as REST gives it */

const MOST_TOLD = 50; // dependencies
const LAST = 300; // characters of an answer that grows

/** Seconds as one says them. @param {number} seconds */
export function duration(seconds) {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** In USD. @param {string | number | null} cost */
export const money = (cost) => (cost === null ? translate("unknown") : `$${Number(cost).toFixed(4)}`);

/** @param {Progress} progress */
export const inWords = ({ done, total, running, failed }) =>
  translate("{done} of {total} done, {running} running, {failed} failed.", { done, total, running, failed });

/** @param {GraphNode} node */
function times({ started_at, finished_at }) {
  if (!started_at) return [];
  if (!finished_at) return [translate("since"), " ", moment(started_at)];
  const seconds = (Date.parse(finished_at) - Date.parse(started_at)) / 1000;
  return [moment(started_at), `, ${seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds)}`];
}

/** What it waits for: nodes of this graph with their states, others by number. @param {GraphNode} node
 * @param {Map<string, GraphNode>} nodes */
function dependencies({ dependencies: ids, join }, nodes) {
  const known = ids.slice(0, MOST_TOLD).flatMap((id) => nodes.get(id) ?? []);
  const list = element("ul", "dependencies");
  for (const { key, state } of known) {
    const line = element("li", "", "");
    line.append(sign(state), ` ${key} `, element("span", "faint", called(state)));
    list.append(line);
  }
  const earlier = ids.filter((id) => !nodes.has(id)).length;
  const more = ids.length - earlier - known.length;
  if (more) list.append(element("li", "faint", translate("and {count} more", { count: more })));
  if (earlier) list.append(element("li", "faint", translate("{count} of earlier graphs", { count: earlier })));
  if (!ids.length) return [translate("nothing")];
  if (join === "all") return [list];
  return [join === "any" ? translate("any of") : translate("{count} of", { count: join }), list];
}

/** The panel of the node that is looked at. @param {HTMLElement} panel @param {GraphNode} node
 * @param {Map<string, GraphNode>} nodes @param {string | null} address of its conversation */
export function tellNode(panel, node, nodes, address) {
  const list = document.createElement("dl");
  const tell = (/** @type {string} */ name, /** @type {(Node | string)[]} */ ...what) => {
    if (!what.some((one) => one)) return;
    const value = document.createElement("dd");
    value.append(...what);
    list.append(element("dt", "", name), value);
  };
  const state = element("span", "state", called(node.state));
  state.dataset.state = node.state;
  tell(translate("state"), sign(node.state), " ", state, node.attempt > 1 ? ` · ${attempted(node.attempt)}` : "");
  tell(translate("reason"), node.reason);
  tell(translate("code"), node.code);
  const [name, version] = [node.prompt ?? "", node.prompt_version ?? 0];
  tell(translate("prompt"), name && version ? translate("{name}, version {version}", { name, version }) : name);
  tell(translate("model"), `${node.provider}/${node.model}`);
  tell(translate("waits for"), ...dependencies(node, nodes));
  tell(translate("condition"), node.condition ?? "");
  tell(translate("time"), ...times(node));
  tell(translate("run"), node.run_id ?? "");
  const heading = element("h2", "", node.key);
  panel.replaceChildren(heading, list);
  if (!address) return;
  const link = /** @type {HTMLAnchorElement} */ (element("a", "", translate("Open the conversation")));
  link.href = address;
  panel.append(link);
}

/** The end of what the node that is looked at says so far. @param {HTMLElement} panel @param {string} text */
export function tellAnswer(panel, text) {
  let shown = panel.querySelector(".says");
  if (!shown) panel.append((shown = element("p", "says")));
  shown.textContent = text.length > LAST ? `…${text.slice(-LAST)}` : text;
}
