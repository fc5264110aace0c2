// @ts-check
/** What the log shows of runs: answers to come, what became of them, tool calls that wait for a decision. The same as
 * templates/sessions/entry.html and sessions_app/pages/transcript.py. What waits for its turn is in queue.js. */

import { cardOf, conversation, linesOf, mayAct, notesOf, openRunOf, page, place } from "./log.js";
import { button, header } from "./messages.js";
import { element } from "./elements.js";
import { chipOf, dequeue, enqueue, setInput } from "./queue.js";
import * as stream from "./stream.js";
import { translate } from "./words.js";

/** @typedef {import("./live.js").Envelope} Envelope */

const REASONS = /** @type {Record<string, string>} */ ({
  length: translate("The answer reached its greatest length."),
  content_filter: translate("The provider's filter stopped the answer."),
  cancelled: translate("Stopped."),
  steps: translate("Stopped: too many rounds of tools."),
});

/** An answer to come. `first` is the first try, where this is another.
 * @param {string} run @param {number} position @param {string} [first] */
export function openRun(run, position, first = run) {
  const made = element("article", "message");
  Object.assign(made.dataset, { role: "assistant", runId: run, first, position: String(position), open: "" });
  made.setAttribute("aria-busy", "true");
  made.append(header("assistant", translate("waiting for a worker…")), element("div", "text", ""));
  if (mayAct) {
    const actions = element("div", "actions");
    actions.append(button(translate("Stop"), "cancel-run"));
    made.append(actions);
  }
  return made;
}

/** Something to say that is no message. @param {string} text @param {number} position */
export function note(text, position) {
  const made = element("p", "note", text);
  made.dataset.position = String(position);
  return made;
}

/** The bubble of a run that goes on: made anew after a message has taken it. Null for runs not shown here.
 * @param {string} run */
function going(run) {
  const lines = linesOf(run);
  const open = openRunOf(run);
  if (open || !lines.length) return open;
  place(openRun(run, Number(lines[0].dataset.position)));
  return openRunOf(run);
}

/** @param {string} run @param {string} text */
export function mark(run, text) {
  const shown = going(run)?.querySelector(".mark");
  if (shown && shown.textContent !== text) shown.textContent = text;
}

/** Another text begins. @param {Envelope} event */
function begin({ data }) {
  mark(data.run_id, translate("answering…"));
  const open = openRunOf(data.run_id);
  if (open && data.attempt > 1) stream.restart(open);
}

/** The run has ended: its bubble goes, and a note says why if there is a reason. @param {Envelope} event @param {string} [why] */
function end({ type, data }, why) {
  const lines = linesOf(data.run_id); // none: a run of another conversation
  openRunOf(data.run_id)?.remove();
  lines.forEach((line) => line.querySelectorAll(".decision").forEach((decision) => decision.remove()));
  if (!lines.length || !why || lines.some((line) => line.matches(".note"))) return;
  const made = note(why, Math.max(...lines.map((line) => Number(line.dataset.position))));
  const first = lines.find((line) => line.dataset.first)?.dataset.first ?? data.run_id;
  Object.assign(made.dataset, { runId: data.run_id, first });
  made.classList.toggle("mild", type !== "run-failed");
  if (mayAct && data.message_id) made.append(" ", button(translate("Go on"), "continue-run"));
  if (mayAct) made.append(" ", button(translate("Try again"), "retry-run"));
  place(made, true);
}

/** @param {string} run @param {string} call @param {Node[]} content of the card's last line */
function decision(run, call, ...content) {
  const card = cardOf(run, call);
  card?.querySelector(".decision")?.remove();
  const made = element("div", "actions decision");
  made.append(...content);
  card?.append(made);
}

/** What each event of a run does to the log. @type {Record<string, (event: Envelope) => void>} */
export const SHOW_RUNS = {
  "run-requested": ({ data, version }) => {
    notesOf("first", data.retries).concat(notesOf("runId", data.continues)).forEach((line) => line.remove());
    const [known] = linesOf(data.run_id);
    const position = data.upto ?? version;
    if (known?.dataset.open !== undefined) known.dataset.position = String(position);
    else if (known || data.conversation_id !== conversation) return;
    else if (data.waits) enqueue(data.run_id, data.input ?? null);
    else place(openRun(data.run_id, position, data.retries ?? undefined));
  },
  "run-input-changed": ({ data }) => setInput(data.run_id, data.input),
  "run-released": ({ data, version }) => {
    if (chipOf(data.run_id)) place(openRun(data.run_id, version));
    dequeue(data.run_id);
  },
  "run-started": begin,
  "run-continued": begin,
  "run-requires-action": ({ data }) => {
    mark(data.run_id, translate("waiting for a decision"));
    for (const call of data.tool_call_ids) {
      const choice = (/** @type {string} */ label, /** @type {boolean} */ approve) =>
        button(label, "decide-tool-call", { approve: String(approve) });
      if (page.dataset.role === "owner") decision(data.run_id, call, choice(translate("Allow"), true), choice(translate("Deny"), false));
      else decision(data.run_id, call, element("span", "mark", translate("undecided")));
    }
  },
  "run-tool-call-decided": ({ data }) =>
    decision(data.run_id, data.tool_call_id, element("span", "mark", data.approved ? translate("allowed") : translate("denied"))),
  "run-resumed": ({ data }) => mark(data.run_id, translate("waiting for a worker…")),
  "run-retrying": ({ data }) => mark(data.run_id, translate("trying again in {seconds} s: {code}", { seconds: Math.ceil(data.delay), code: data.code })),
  "run-cancel-requested": ({ data }) => {
    mark(data.run_id, translate("stopping…"));
    openRunOf(data.run_id)?.querySelector(".actions")?.remove();
  },
  "run-completed": (event) => end(event),
  "run-incomplete": (event) => end(event, REASONS[event.data.reason] ?? translate("Incomplete: {reason}.", { reason: event.data.reason })),
  "run-failed": (event) => end(event, translate("No answer: {error}", { error: event.data.error })),
  "run-interrupted": (event) =>
    end(event, event.data.message_id ? translate("The answer was cut off.") : translate("No answer: it was interrupted.")),
  "run-cancelled": (event) => {
    dequeue(event.data.run_id); // what was removed before its turn leaves nothing behind
    end(event, translate("Cancelled."));
  },
};

/** More of an answer. @param {string} run @param {{text: string}} growth */
export function grow(run, { text }) {
  const open = openRunOf(run);
  if (open) stream.grow(open, text);
}
