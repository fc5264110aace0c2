// @ts-check
/** The list of graphs: kept as it is on the server, with the forms that check or start one. */

import { follow } from "./live.js";
import { renewPart } from "./renewing.js";
import { Prompts } from "./prompts.js";
import { Starter } from "./starter.js";
import { translate } from "./words.js";

const page = /** @type {HTMLElement} */ (document.querySelector("main[data-graphs-url]"));
/** @param {string} name */
const form = (name) => /** @type {HTMLFormElement | null} */ (page.querySelector(`[data-${name}-form]`));

/** What was written as JSON; a mere list is one of nodes. @param {HTMLTextAreaElement} box @param {boolean} dry */
function written(box, dry) {
  const value = JSON.parse(box.value);
  if (Array.isArray(value)) return { nodes: value };
  if (value === null || typeof value !== "object") throw new Error(translate("A graph is an object with “nodes”, or a list of nodes."));
  if (dry && !value.nodes) throw new Error(translate("Only “nodes” can be checked: without them there is no order to find."));
  return value;
}

/** @type {Starter[]} */
const starters = [];
const [json, asked] = [form("json"), form("prompts")];
if (json) {
  const box = /** @type {HTMLTextAreaElement} */ (json.querySelector("[data-graph]"));
  starters.push(new Starter(json, page, (dry) => written(box, dry)));
}
if (asked) {
  const prompts = new Prompts(asked);
  const starter = new Starter(asked, page, (dry) => prompts.written(dry));
  asked.addEventListener("click", () => starter.forget()); // fields come and go
  starters.push(starter);
}
page.querySelectorAll("[data-begin]").forEach((one) => one.removeAttribute("hidden"));

window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload(); // come back to by “back”: what ran has gone on
  starters.forEach((starter) => starter.forget());
});
follow(String(page.dataset.session), Number(page.dataset.version), {
  onEvent: ({ type }) => {
    if (type.startsWith("graph-")) renewPart();
  },
  onNotice: () => {},
  onStatus: () => {},
});
