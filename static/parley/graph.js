// @ts-check
/** The page of a graph: reads it by REST, follows the session's events, keeps the drawing and the figures as they say. */

import { inWords, duration, money, tellAnswer, tellNode } from "./details.js";
import { Drawing, called } from "./drawing.js";
import { linkTo } from "./elements.js";
import { follow } from "./live.js";
import { Unsent, post, uuid } from "./send.js";
import { translate } from "./words.js";

/** @typedef {import("./live.js").Envelope} Envelope */
/** @typedef {import("./drawing.js").GraphNode} GraphNode */
/** @typedef {import("./details.js").Progress} Progress */

const ENDED = new Set(["succeeded", "failed", "skipped", "cancelled"]);
const BAD = new Set(["failed", "cancelled"]);
const LOGGED_OUT = 4401; // what the socket is closed with
const AGAIN = 3_000; // milliseconds until a read that failed is tried again
const QUIET = 3_000; // and between two sentences for those who listen

const page = /** @type {HTMLElement} */ (document.querySelector("main[data-graph]"));
/** @param {string} selector */
const part = (selector) => /** @type {HTMLElement} */ (page.querySelector(selector));
const narrow = matchMedia("(max-width: 40rem)");

/** @type {Map<string, GraphNode>} */
let nodes = new Map();
/** What is known of the graph itself. @type {{state: string, cancel_requested: boolean, progress: Progress} | undefined} */
let graph;
/** @type {Set<string>} */
const changed = new Set();
/** Events that came while the graph was read: what was read may be older. @type {Envelope[] | null} */
let missed = null;
let due = false;
/** @type {ReturnType<typeof follow> | undefined} */
let following;

/** @param {GraphNode} node */
const address = ({ conversation_id }) =>
  conversation_id && `${page.dataset.sessionUrl}?conversation=${encodeURIComponent(conversation_id)}`;

const drawing = new Drawing(part("[data-frame]"), { address, onLook: look });

/** @param {string} id */
function look(id) {
  const node = nodes.get(id);
  if (!node) return;
  drawing.look(id);
  tellNode(part("[data-details]"), node, nodes, address(node));
}

// -- what is known -------------------------------------------------------------------------------------------------------

/** Read the graph and show it; what happens meanwhile is applied after it. @param {boolean} [again] after a failure */
async function load(again = false) {
  /** @type {Envelope[]} */
  const mine = [];
  missed = mine;
  try {
    const answer = await fetch(String(page.dataset.graphUrl), { credentials: "same-origin", cache: "no-store" });
    if (answer.status === 404) return end(translate("This graph is gone."));
    if (answer.status === 401) return end(translate("You are logged out."), LOGGED_OUT);
    if (!answer.ok) throw new Error(translate("The server answered {status}.", { status: answer.status }));
    const read = await answer.json();
    if (mine !== missed) return; // it is being read once more
    missed = null;
    if (again) tell("");
    graph = read;
    nodes = new Map(read.nodes.map((/** @type {GraphNode} */ node) => [node.id, node]));
    redraw();
    mine.forEach(apply);
    show();
  } catch (error) {
    if (mine !== missed) return;
    tell(error);
    setTimeout(() => load(true), AGAIN);
  }
}

/** @param {any} totals as events carry them: without what is nothing */
const progressOf = ({ done, total, running = 0, failed = 0, tokens = 0, cost = "0", eta = null }) =>
  /** @type {Progress} */ ({ done, total, running, failed, tokens, cost, eta_seconds: eta });

/** @type {Record<string, (event: Envelope) => void>} */
const APPLY = {
  "graph-started": () => {}, // a page is made after it
  "graph-advanced": ({ data, recorded_at }) => {
    for (const { node_id, ...change } of data.changes) {
      const node = nodes.get(node_id);
      if (!node) continue;
      Object.assign(node, { code: "", reason: "" }, change);
      if (node.state === "running") node.started_at ??= recorded_at;
      node.finished_at = ENDED.has(node.state) ? recorded_at : null;
      changed.add(node_id);
    }
    if (graph) graph.progress = progressOf(data.totals);
  },
  "graph-cancel-requested": () => {
    if (graph) graph.cancel_requested = true;
  },
  "graph-retried": () => void load(),
  "graph-ended": ({ data }) => {
    if (graph) Object.assign(graph, { state: data.state, progress: progressOf(data.totals) });
  },
  "session-deleted": () => end(translate("This session was deleted.")),
};

/** @param {Envelope} event */
function apply(event) {
  if (event.data.graph_id !== page.dataset.graph && event.type !== "session-deleted") return;
  if (missed && event.type !== "graph-retried") missed.push(event);
  else APPLY[event.type]?.(event);
  if (!missed) soon();
}

// -- what is shown -------------------------------------------------------------------------------------------------------

/** Show it once for all that comes until the next picture. */
function soon() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    show();
  });
}

/** Who may only read has no buttons. @param {string} action @param {boolean} on */
function offer(action, on) {
  page.querySelector(`[data-action=${action}]`)?.toggleAttribute("hidden", !on);
}

function show() {
  for (const id of changed) {
    const node = nodes.get(id);
    if (node) drawing.show(node);
  }
  const node = nodes.get(drawing.looked);
  if (node && [node.id, ...node.dependencies].some((id) => changed.has(id))) look(node.id);
  changed.clear();
  if (!graph) return;
  const { state, cancel_requested: cancelling, progress } = graph;
  const shown = part("[data-graph-state]");
  shown.dataset.state = state;
  shown.textContent = state === "running" && cancelling ? translate("cancelling") : called(state);
  const bar = /** @type {HTMLProgressElement} */ (part("[data-bar]"));
  [bar.max, bar.value] = [progress.total, progress.done];
  const left = progress.eta_seconds === null ? "" : duration(progress.eta_seconds);
  const eta = state === "running" && left ? translate("about {duration}", { duration: left }) : "–";
  const { done, total, running, failed, tokens } = progress;
  const said = { done, total, running, failed, tokens, cost: money(progress.cost), eta };
  for (const [name, value] of Object.entries(said)) part(`[data-${name}]`).textContent = String(value);
  offer("cancel", state === "running" && !cancelling);
  offer("retry", state !== "running" && [...nodes.values()].some((one) => BAD.has(one.state)));
  speak(`${shown.textContent}: ${inWords(progress)}`);
}

let saying = "";
/** @type {ReturnType<typeof setTimeout> | undefined} */
let silence;

/** Tell those who listen, now and then. @param {string} sentence */
function speak(sentence) {
  saying = sentence;
  silence ??= setTimeout(() => {
    silence = undefined;
    const told = part("[data-told]");
    if (told.textContent !== saying) told.textContent = saying;
  }, QUIET);
}

function redraw() {
  part("[data-nodes]").hidden = true;
  for (const name of ["drawing", "details"]) part(`[data-${name}]`).hidden = false;
  drawing.draw([...nodes.values()], narrow.matches);
  look(nodes.has(drawing.looked) ? drawing.looked : [...nodes.keys()][0]);
  changed.clear();
}

/** @param {import("./live.js").Status} status */
function showStatus({ state, reason, code, seconds }) {
  const shown = part("[data-status]");
  shown.textContent = seconds === undefined ? reason : translate("{reason} – trying again in {seconds} s…", { reason, seconds: Math.ceil(seconds) });
  shown.dataset.state = state;
  if (code !== LOGGED_OUT) return;
  shown.append(" ", linkTo(page.dataset.loginUrl, translate("Log in again")));
}

/** @param {string} why @param {number} [code] */
function end(why, code) {
  following?.stop();
  showStatus({ state: "ended", reason: why, code });
  page.querySelectorAll("button[data-action]").forEach((button) => button.setAttribute("disabled", ""));
}

/** What went wrong, or with "" that it is over. @param {unknown} error */
function tell(error) {
  const problem = part("[data-problem]");
  problem.textContent = error instanceof Error ? error.message : String(error);
  problem.hidden = !error;
}

// -- what can be asked ---------------------------------------------------------------------------------------------------

for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (page.querySelectorAll("button[data-action]")))
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const options = { key: uuid(), csrf: String(page.dataset.csrf), onRetry: (/** @type {string} */ why) => tell(translate("{why} Trying again…", { why })) };
      await post(`${page.dataset.graphUrl}${button.dataset.action}/`, {}, options);
      tell("");
    } catch (error) {
      tell(error);
      if (error instanceof Unsent && error.status === 409) void load();
    }
    button.disabled = false;
  });

part(".zoom").addEventListener("click", ({ target }) => {
  const way = target instanceof HTMLElement ? target.dataset.zoom : undefined;
  if (way === "fit") drawing.fit();
  else if (way) drawing.step(way === "in" ? 1 : -1);
});
narrow.addEventListener("change", () => nodes.size && redraw());

void load();
following = follow(String(page.dataset.session), Number(page.dataset.version), {
  onEvent: apply,
  onNotice: ({ run_id }, growth) => {
    if (growth && nodes.get(drawing.looked)?.run_id === run_id) tellAnswer(part("[data-details]"), growth.text);
  },
  onStatus: showStatus,
});
