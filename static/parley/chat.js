// @ts-check
/** The session page: shows what `follow` brings, sends what is written. */

import { follow } from "./live.js";
import { forks, SHOW_CONVERSATIONS } from "./forks.js";
import { cardOf, conversation, isBusy, keepTheEnd, keepingTheEnd, messageOf, openRunOf, page, part, place, session } from "./log.js";
import { copying } from "./copy.js";
import { arrived, toNewest, windowed } from "./history.js";
import { refresh, refreshCaller, refreshRun } from "./lines.js";
import { answer, message } from "./messages.js";
import { SHOW_RUNS, grow, mark, note, openRun } from "./runs.js";
import { Unsent, post, uuid } from "./send.js";

/** @typedef {import("./live.js").Envelope} Envelope */

/** What a model said takes the place of its bubble, what a tool answered goes to the card of the call.
 * @param {import("./messages.js").Said & {conversation_id: string}} said */
function addMessage(said) {
  const open = said.role === "assistant" && said.run_id ? openRunOf(said.run_id) : null;
  const [only, ...others] = said.content;
  const card = said.role === "tool" && only?.type === "tool_result" && !others.length && cardOf(said.run_id, only.tool_call_id);
  if (messageOf(said.message_id)) open?.remove();
  else if (said.conversation_id !== conversation) return;
  else {
    const line = message(said, open ?? undefined);
    if (card) answer(card, said);
    else place(line, true);
    if (!card && said.role === "tool") refreshCaller(line);
    refresh(said.message_id);
    arrived(said.role);
  }
  if (said.run_id && said.content.some(({ type }) => type === "tool_call")) mark(said.run_id, "answering…"); // it goes on
}

/** @param {any} metrics */
function showMetrics(metrics) {
  const used = metrics.context_utilization;
  part("[data-tokens]").textContent = String(metrics.total_tokens);
  part("[data-cost]").textContent = metrics.estimated_cost === null ? "unknown" : `$${Number(metrics.estimated_cost).toFixed(4)}`;
  part("[data-occupied]").textContent = used === null ? "unknown" : `${(used * 100).toFixed(0)}\u00a0%`;
  part("[data-critical]").hidden = used === null || used < 0.8;
}

/** @type {Record<string, (event: Envelope) => void>} */
const SHOW = {
  "message-added": (event) =>
    addMessage({ .../** @type {any} */ (event.data), position: event.version, when: event.recorded_at }),
  "message-updated": ({ data }) => refresh(data.message_id),
  "session-updated": ({ data }) => {
    if (data.updates.title === undefined) return;
    part("[data-title]").textContent = data.updates.title || "Untitled";
    document.title = `${data.updates.title || "Untitled"} · Parley`;
  },
  "session-config-updated": ({ data }) => {
    part("[data-model]").textContent = `${data.config.provider}/${data.config.model}`;
  },
  "session-deleted": () => end("This session was deleted."),
  "token-metrics-updated": ({ data }) => showMetrics(data.metrics),
  "context-window-critical": () => {
    part("[data-critical]").hidden = false;
  },
  "error-occurred": (event) => place(note(`Something failed in ${event.data.source}: ${event.data.error}`, event.version)),
  ...SHOW_RUNS,
  ...SHOW_CONVERSATIONS,
};

/** After these the server writes the run's lines otherwise: a decision, or what it came to. */
const CHANGES_RUN = new Set(["run-requires-action", "run-tool-call-decided", "run-completed", "run-incomplete", "run-failed", "run-interrupted", "run-cancelled"]);

// -- the connection ------------------------------------------------------------------------------------------------------

/** @param {string} why */
function end(why) {
  following?.stop();
  showStatus({ state: "ended", reason: why });
  page.querySelector(".composer button")?.setAttribute("disabled", "");
}

/** @param {import("./live.js").Status} status */
function showStatus(status) {
  const shown = part("[data-status]");
  const again = status.seconds === undefined ? "" : ` – trying again in ${Math.ceil(status.seconds)} s…`;
  shown.textContent = status.reason.charAt(0).toUpperCase() + status.reason.slice(1) + again;
  shown.dataset.state = status.state;
  if (status.code === 4401) shown.append(" ", loginLink());
}

function loginLink() {
  const link = document.createElement("a");
  link.href = String(page.dataset.loginUrl);
  link.textContent = "Log in again";
  return link;
}

/** @type {ReturnType<typeof follow> | undefined} */
let following;

function start() {
  following = follow(session, Number(page.dataset.version), {
    onEvent: (event) => {
      keepingTheEnd(() => SHOW[event.type]?.(event));
      if (CHANGES_RUN.has(event.type)) refreshRun(event.data.run_id);
    },
    onNotice: ({ run_id }, growth) => {
      if (growth && run_id) grow(run_id, growth);
    },
    onStatus: showStatus,
  });
}

// -- writing -------------------------------------------------------------------------------------------------------------

const problem = part("[data-problem]");

/** Tell what went wrong, or with "" that it is over. @param {unknown} error */
function tell(error) {
  problem.textContent = error instanceof Error ? error.message : String(error);
  problem.hidden = !error;
  if (error instanceof Unsent && error.status === 401) problem.append(" ", loginLink());
}

/** @param {string} url @param {object} body @param {string} key */
const sent = (url, body, key) =>
  post(url, body, { key, csrf: String(page.dataset.csrf), onRetry: (why) => tell(`${why} Trying again…`) });

function composer() {
  const form = /** @type {HTMLFormElement} */ (part(".composer"));
  const box = /** @type {HTMLTextAreaElement} */ (part(".composer textarea"));
  const button = /** @type {HTMLButtonElement} */ (part(".composer button"));
  let key = "";
  let queued = false;
  let sending = false;

  const send = async () => {
    if (sending || !box.value.trim() || button.disabled) return;
    sending = box.readOnly = button.disabled = true;
    if (!key) [key, queued] = [uuid(), isBusy()]; // kept after a failure: the server may have it although we never heard so
    const content = box.value;
    try {
      if (queued) showQueued(await sent(String(page.dataset.runsUrl), { input: content, conversation }, key));
      else showSent(await sent(String(page.dataset.messagesUrl), { content, role: "user", answer: true, conversation_id: conversation }, key));
      void toNewest();
      box.value = key = "";
      tell("");
    } catch (error) {
      tell(error);
    }
    sending = box.readOnly = button.disabled = false;
    box.focus();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send();
  });
  box.addEventListener("input", () => {
    key = ""; // another text is another message
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void send();
  });
}

/** @param {any} added */
const showSent = (added) =>
  keepingTheEnd(() => addMessage({ ...added, message_id: added.id, when: added.created_at }));

/** What waits behind an answer at work; its place comes with the event. @param {any} run */
const showQueued = (run) =>
  keepingTheEnd(() => {
    if (run.waits && !openRunOf(run.id)) place(openRun(run.id, Number.MAX_SAFE_INTEGER, run.input));
  });

/** The buttons in the log: each runs a command about the run it stands in. */
function buttons() {
  part("[role=log]").addEventListener("click", async ({ target }) => {
    const button = target instanceof Element ? target.closest("button") : null;
    if (!button?.dataset.command) return;
    const run = /** @type {HTMLElement} */ (button.closest("[data-run-id]")).dataset.runId;
    const call = /** @type {HTMLElement | null} */ (button.closest("[data-call]"))?.dataset.call;
    const decided = call && { tool_call_id: call, approve: button.dataset.approve === "true" };
    button.disabled = true;
    try {
      const payload = { session_id: session, run_id: run, ...decided };
      await sent(String(page.dataset.commandsUrl), { name: button.dataset.command, payload }, uuid());
      tell("");
      part(".composer textarea").focus(); // the button is about to go
    } catch (error) {
      tell(error);
      button.disabled = false;
    }
  });
}

if (page.dataset.live === "true") {
  keepTheEnd();
  windowed();
  copying();
  if (page.dataset.role !== "viewer") {
    composer();
    buttons();
    forks(sent, tell);
  }
  start();
}
