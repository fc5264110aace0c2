// @ts-check
/** The session page: shows what `follow` brings; puts its parts together. */

import { command, tell } from "./asking.js";
import { branches, said } from "./branches.js";
import { composer } from "./composer.js";
import { announce, showStatus } from "./connection.js";
import { copying } from "./copying.js";
import { dialogs } from "./dialogs.js";
import { SHOW_CONVERSATIONS, forks } from "./forks.js";
import { SHOW_SESSION, heading } from "./heading.js";
import { arrived, windowed } from "./history.js";
import { refresh, refreshCaller, refreshRun } from "./lines.js";
import { follow } from "./live.js";
import { cardOf, conversation, keepTheEnd, keepingTheEnd, linesOf, mayAct, messageOf, openRunOf, page, part, place, session } from "./log.js";
import { answer, message } from "./messages.js";
import { showPresence } from "./presence.js";
import { enqueue, queue } from "./queue.js";
import { SHOW_RUNS, grow, mark, note } from "./runs.js";
import { translate } from "./words.js";

/** @typedef {import("./live.js").Envelope} Envelope */

/** What a model said takes the place of its bubble, what a tool answered goes to the card of the call.
 * @param {import("./messages.js").Said & {conversation_id: string}} added */
function addMessage(added) {
  const open = added.role === "assistant" && added.run_id ? openRunOf(added.run_id) : null;
  const [only, ...others] = added.content;
  const card = added.role === "tool" && only?.type === "tool_result" && !others.length && cardOf(added.run_id, only.tool_call_id);
  said(added.conversation_id);
  if (messageOf(added.message_id)) open?.remove();
  else if (added.conversation_id !== conversation) return;
  else {
    const line = message(added, open ?? undefined);
    if (card) answer(card, added);
    else place(line, true);
    if (!card && added.role === "tool") refreshCaller(line);
    refresh(added.message_id);
    arrived();
  }
  if (added.run_id && added.content.some(({ type }) => type === "tool_call")) mark(added.run_id, translate("answering…")); // it goes on
}

/** @type {Record<string, (event: Envelope) => void>} */
const SHOW = {
  "message-added": (event) =>
    addMessage({ .../** @type {any} */ (event.data), position: event.version, when: event.recorded_at }),
  "message-updated": ({ data }) => refresh(data.message_id),
  "session-deleted": () => {
    following?.stop();
    showStatus({ state: "ended", reason: translate("This session was deleted.") });
  },
  "error-occurred": ({ data: { source, error }, version }) =>
    place(note(translate("Something failed in {source}: {error}", { source, error }), version)),
  ...SHOW_SESSION,
  ...SHOW_RUNS,
  ...SHOW_CONVERSATIONS,
};

/** After these the server writes the run's lines otherwise: a decision, or what it came to. */
const CHANGES_RUN = new Set(["run-requires-action", "run-tool-call-decided", "run-completed", "run-incomplete", "run-failed", "run-interrupted", "run-cancelled"]);

/** @param {Envelope} event */
function show(event) {
  const here = linesOf(event.data.run_id ?? "").length > 0;
  keepingTheEnd(() => SHOW[event.type]?.(event));
  if (CHANGES_RUN.has(event.type)) refreshRun(event.data.run_id);
  announce(event, here);
}

/** @type {ReturnType<typeof follow> | undefined} */
let following;

function start() {
  following = follow(session, Number(page.dataset.version), {
    onEvent: show,
    onNotice: ({ type, run_id, watchers }, growth) => {
      if (type === "presence-changed") showPresence(watchers);
      if (growth && run_id) grow(run_id, growth);
    },
    onStatus: (status) => {
      showStatus(status);
      if (status.state !== "live") showPresence(null);
    },
  });
}

/** The buttons that run a command about the run they stand in. */
function buttons() {
  page.addEventListener("click", async ({ target }) => {
    const button = target instanceof Element ? target.closest("button") : null;
    const run = /** @type {HTMLElement | null} */ (button?.closest("[data-run-id]"))?.dataset.runId;
    if (!button?.dataset.command || !run) return;
    const call = /** @type {HTMLElement | null} */ (button.closest("[data-call]"))?.dataset.call;
    const decided = call && { tool_call_id: call, approve: button.dataset.approve === "true" };
    button.disabled = true;
    try {
      await command(button.dataset.command, { run_id: run, ...decided });
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
  branches();
  dialogs();
  heading();
  if (mayAct) {
    composer({
      added: (made) => keepingTheEnd(() => addMessage({ ...made, message_id: made.id, when: made.created_at })),
      queued: (run) => run.waits && keepingTheEnd(() => enqueue(run.id, run.input)),
    });
    buttons();
    forks();
    queue();
  }
  start();
}
