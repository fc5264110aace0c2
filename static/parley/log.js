// @ts-check
/** The session page's log: where its lines are and where a new one belongs. Used by chat.js and runs.js. */

export const page = /** @type {HTMLElement} */ (document.querySelector("main[data-session]"));
export const session = String(page.dataset.session);
/** The one that is shown; `main` has the session's id. */
export const conversation = String(page.dataset.conversation);
/** Whether this person may do more than read. */
export const mayAct = page.dataset.role !== "viewer";
export const log = /** @type {HTMLElement} */ (page.querySelector("[role=log]"));

/** @param {string} selector */
export const part = (selector) => /** @type {HTMLElement} */ (page.querySelector(selector));
/** @param {string} id @returns {HTMLElement | null} */
export const messageOf = (id) => log.querySelector(`[data-message-id="${CSS.escape(id)}"]`);
/** The answer to come of a run. @param {string} run @returns {HTMLElement | null} */
export const openRunOf = (run) => log.querySelector(`[data-run-id="${CSS.escape(run)}"][data-open]`);
/** All lines of a run. @param {string} run */
export const linesOf = (run) =>
  /** @type {HTMLElement[]} */ ([...log.querySelectorAll(`:scope > [data-run-id="${CSS.escape(run)}"]`)]);
/** The notes about a run, or about all tries of it. @param {"runId" | "first"} key @param {string | null} [run] */
export const notesOf = (key, run) =>
  /** @type {HTMLElement[]} */ ([...log.querySelectorAll(".note")]).filter((line) => run && line.dataset[key] === run);
export const isBusy = () => log.querySelector("[data-open]") !== null;

/** The card of a tool call that has no result yet. @param {string | null | undefined} run @param {string} call */
export function cardOf(run, call) {
  const owner = run ? `[data-run-id="${CSS.escape(run)}"]` : ":not([data-run-id])";
  const cards = [...log.querySelectorAll(`.message${owner} > [data-call="${CSS.escape(call)}"]`)];
  return /** @type {HTMLElement | undefined} */ (cards.filter((card) => !card.querySelector(".result")).at(-1));
}

/** The line that is shown for this one: of the same message, or about the same run. @param {HTMLElement} line */
export function lineOf({ dataset: { messageId, runId, open } }) {
  if (messageId) return messageOf(messageId);
  return open === undefined ? notesOf("runId", runId ?? null)[0] : openRunOf(String(runId));
}

/** Whether the newest lines are on the page. */
const reachesEnd = () => log.querySelector(":scope > [data-later]") === null;
let atEnd = true;
/** Whether the reader sees the end of the conversation. */
export const isAtEnd = () => atEnd && reachesEnd();
export const toTheEnd = () => {
  if (reachesEnd()) log.scrollTop = log.scrollHeight;
};

/** @param {() => void} tell */
export const onScroll = (tell) => log.addEventListener("scroll", tell, { passive: true });

/** A reader who is at the end of the log stays there, whatever grows in it or takes room beside it. */
export function keepTheEnd() {
  onScroll(() => {
    atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 48;
  });
  const keep = () => isAtEnd() && toTheEnd();
  log.addEventListener("load", keep, { capture: true }); // pictures
  new ResizeObserver(keep).observe(log);
  toTheEnd();
}

/** Do something to the log. @param {() => void} change */
export function keepingTheEnd(change) {
  const stay = isAtEnd(); // before the change: a line that is moved may scroll
  change();
  if (stay) toTheEnd();
}

/** A line's place: messages, each followed by the notes about it, then the answer at work. @param {HTMLElement} line */
const rank = (line) => [line.dataset.open === undefined ? 0 : 1, Number(line.dataset.position), line.matches(".note") ? 1 : 0];

/** Put a line where it belongs. One that is new stays away while what comes before it is not on the page.
 * @param {HTMLElement} line @param {boolean} [arrives] whether it is new */
export function place(line, arrives = false) {
  if (arrives && !line.isConnected && !reachesEnd()) return;
  const mine = rank(line);
  /** @param {HTMLElement} other */
  const comesAfter = (other) => {
    const differing = rank(other).map((value, index) => value - mine[index]).find((difference) => difference !== 0);
    return differing !== undefined && differing > 0;
  };
  const lines = /** @type {HTMLElement[]} */ ([...log.querySelectorAll(":scope > [data-position]")]);
  const next = lines.find((one) => one !== line && comesAfter(one));
  // a line already in its place is not moved: moving would lose a selection in it
  if (line.parentNode !== log || line.nextElementSibling !== (next ?? null)) log.insertBefore(line, next ?? null);
}
