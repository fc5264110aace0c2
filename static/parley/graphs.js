// @ts-check
/** The list of graphs: the form that checks or starts one that is written as JSON. */

import { money } from "./details.js";
import { element } from "./elements.js";
import { post, uuid } from "./send.js";

const page = /** @type {HTMLElement} */ (document.querySelector("main[data-graphs-url]"));
/** @param {string} selector */
const part = (selector) => /** @type {HTMLElement} */ (page.querySelector(selector));
const box = /** @type {HTMLTextAreaElement} */ (part("textarea[data-graph]"));
const plan = part("[data-plan]");
let key = "";

/** @param {unknown} error "" when it is over */
function tell(error) {
  const problem = part("[data-problem]");
  problem.textContent = error instanceof Error ? error.message : String(error);
  problem.hidden = !error;
}

/** What was written; a mere list is one of nodes. */
function written() {
  const value = JSON.parse(box.value);
  if (Array.isArray(value)) return { nodes: value };
  if (value === null || typeof value !== "object") throw new Error("A graph is an object with “nodes”, or a list of nodes.");
  return value;
}

/** What a dry run says: the order, step by step, and what it may cost. @param {any} answer */
function showPlan({ nodes, steps, tokens, cost }) {
  const list = element("ol", "steps");
  for (let step = 1; step <= steps; step += 1) {
    const keys = nodes.filter((/** @type {any} */ node) => node.step === step).map((/** @type {any} */ node) => node.key);
    list.append(element("li", "", keys.join(", ")));
  }
  const sum = `${nodes.length} node${nodes.length === 1 ? "" : "s"} in ${steps} step${steps === 1 ? "" : "s"}; at most about ${tokens} tokens, cost ${money(cost)}.`;
  plan.replaceChildren(element("p", "", sum), list);
}

/** @param {boolean} dry */
async function ask(dry) {
  const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (page.querySelectorAll("[data-form] button"));
  tell("");
  plan.replaceChildren();
  buttons.forEach((button) => (button.disabled = true));
  try {
    const body = written();
    if (dry && !body.nodes) throw new Error("Only “nodes” can be checked: without them there is no order to find.");
    if (dry) body.dry_run = true;
    if (!key) key = uuid(); // kept after a failure: the server may have begun it although we never heard so
    const options = { key: dry ? uuid() : key, csrf: String(page.dataset.csrf), onRetry: (/** @type {string} */ why) => tell(`${why} Trying again…`) };
    const answer = await post(String(page.dataset.graphsUrl), body, options);
    tell("");
    if (answer.steps) showPlan(answer);
    else location.assign(`${location.pathname}${answer.id}/`);
  } catch (error) {
    tell(error instanceof SyntaxError ? `This is not JSON: ${error.message}` : error);
  }
  buttons.forEach((button) => (button.disabled = false));
}

box.addEventListener("input", () => {
  key = ""; // another text is another graph
});
part("[data-form]").addEventListener("submit", (event) => {
  event.preventDefault();
  void ask(false);
});
part("[data-check]").addEventListener("click", () => void ask(true));
part("[data-begin]").hidden = false;
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload(); // come back to by “back”: what ran has gone on
  key = "";
});
