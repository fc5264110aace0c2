// @ts-check
/** The session page: shows what `follow` brings, sends what is written. */

import { follow } from "./live.js";
import { localize, message, note, openRun, setContent } from "./messages.js";
import { Unsent, post, uuid } from "./send.js";

/** @typedef {import("./live.js").Envelope} Envelope */

const page = /** @type {HTMLElement} */ (document.querySelector("main[data-session]"));
const log = /** @type {HTMLElement} */ (page.querySelector("[role=log]"));
const session = String(page.dataset.session);

/** @param {string} selector */
const part = (selector) => /** @type {HTMLElement} */ (page.querySelector(selector));
/** @param {string} run @returns {HTMLElement | null} */
const openRunOf = (run) => log.querySelector(`[data-run-id="${CSS.escape(run)}"][data-open]`);
/** @param {string} id @returns {HTMLElement | null} */
const messageOf = (id) => log.querySelector(`[data-message-id="${CSS.escape(id)}"]`);

// -- the log ------------------------------------------------------------------------------------------------------------

let atEnd = true;
const toTheEnd = () => {
  log.scrollTop = log.scrollHeight;
};

/** A reader who is at the end of the log stays there, whatever grows in it or takes room beside it. */
function keepTheEnd() {
  toTheEnd();
  log.addEventListener("scroll", () => {
    atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 48;
  });
  new ResizeObserver(() => atEnd && toTheEnd()).observe(log);
}

/** Do something to the log. @param {() => void} change */
function keepingTheEnd(change) {
  const stay = atEnd; // before the change: a line that is moved may scroll
  change();
  if (stay) toTheEnd();
}

/** Put a line where its position says: messages and notes in order, then the answers to come. @param {HTMLElement} line */
function place(line) {
  /** @param {HTMLElement} one @returns {[number, number]} */
  const rank = (one) => [one.dataset.open === undefined ? 0 : 1, Number(one.dataset.position)];
  const [group, position] = rank(line);
  const next = /** @type {HTMLElement[]} */ ([...log.querySelectorAll(":scope > [data-position]")]).find((one) => {
    const [otherGroup, otherPosition] = rank(one);
    return one !== line && (otherGroup > group || (otherGroup === group && otherPosition > position));
  });
  // a line already in its place is not moved: moving would lose a selection in it
  if (line.parentNode !== log || line.nextElementSibling !== (next ?? null)) log.insertBefore(line, next ?? null);
}

/** @param {import("./messages.js").Said & {conversation_id: string}} said */
function addMessage(said) {
  const open = said.run_id ? openRunOf(said.run_id) : null;
  if (messageOf(said.message_id)) open?.remove();
  else if (said.conversation_id === session) place(message(said, open ?? undefined));
}

/** @param {string} run @param {string} mark */
function mark(run, mark) {
  const shown = openRunOf(run)?.querySelector(".mark");
  if (shown) shown.textContent = mark;
}

/** A run ended without a message. @param {Envelope} event @param {string} why */
function runWithoutMessage(event, why) {
  const open = openRunOf(event.data.run_id);
  if (!open) return;
  open.remove();
  const line = note(`No answer: ${why}`, Number(open.dataset.position));
  line.dataset.runId = event.data.run_id;
  place(line);
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
  "message-updated": ({ data }) => {
    const target = messageOf(data.message_id);
    if (target && data.content) setContent(target, data.content);
  },
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
  "run-requested": ({ data, version }) => {
    const known = log.querySelector(`[data-run-id="${CSS.escape(data.run_id)}"]`);
    if (!known && data.conversation_id === session) place(openRun(data.run_id, version));
  },
  "run-started": ({ data }) => {
    mark(data.run_id, "answering…");
    const text = openRunOf(data.run_id)?.querySelector(".text");
    if (text && data.attempt > 1) text.textContent = "";
  },
  "run-completed": ({ data }) => openRunOf(data.run_id)?.remove(),
  "run-failed": (event) => runWithoutMessage(event, event.data.error),
  "run-interrupted": (event) => runWithoutMessage(event, "it was interrupted."),
};

// -- the connection ------------------------------------------------------------------------------------------------------

/** @param {string} why */
function end(why) {
  following?.stop();
  showStatus({ state: "ended", reason: why });
  part(".composer button").setAttribute("disabled", "");
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
    onEvent: (event) => keepingTheEnd(() => SHOW[event.type]?.(event)),
    onNotice: (notice, growth) => {
      const text = growth && openRunOf(String(notice.run_id))?.querySelector(".text");
      if (!growth || !text) return;
      keepingTheEnd(() => {
        const node = text.firstChild;
        if (node instanceof Text && node.length + growth.added.length === growth.text.length) node.appendData(growth.added);
        else text.textContent = growth.text;
        mark(String(notice.run_id), "answering…");
      });
    },
    onStatus: showStatus,
  });
}

// -- writing -------------------------------------------------------------------------------------------------------------

function composer() {
  const form = /** @type {HTMLFormElement} */ (part(".composer"));
  const box = /** @type {HTMLTextAreaElement} */ (part(".composer textarea"));
  const button = /** @type {HTMLButtonElement} */ (part(".composer button"));
  const problem = part("[data-problem]");
  let key = "";
  let sending = false;

  /** @param {string} text */
  const tell = (text) => {
    problem.textContent = text;
    problem.hidden = !text;
  };

  const send = async () => {
    if (sending || !box.value.trim() || button.disabled) return;
    sending = box.readOnly = button.disabled = true;
    key ||= uuid(); // kept after a failure: the server may have the message although we never heard so
    const content = box.value;
    const options = { key, csrf: String(page.dataset.csrf), onRetry: (/** @type {string} */ why) => tell(`${why} Trying again…`) };
    try {
      const added = await post(String(page.dataset.messagesUrl), { content, role: "user", answer: true }, options);
      keepingTheEnd(() => addMessage({ ...added, message_id: added.id, when: added.created_at }));
      toTheEnd();
      box.value = key = "";
      tell("");
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error));
      if (error instanceof Unsent && error.status === 401) problem.append(" ", loginLink());
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

page.querySelectorAll("time").forEach(localize);
if (page.dataset.live === "true") {
  keepTheEnd();
  composer();
  start();
}
