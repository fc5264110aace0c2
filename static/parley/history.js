// @ts-check
/**
 * A part of a long conversation: what is far from the reader is not on the page. Scrolling fetches what comes next and
 * drops what has gone far away; links and dates lead to any message; a button leads back to the newest.
 */

import { element } from "./elements.js";
import { fetchLines } from "./lines.js";
import { isAtEnd, lineOf, log, messageOf, onScroll, page, place, toTheEnd } from "./log.js";

const MOST = 150; // lines on the page
const NEAR = 900; // pixels from the end of what is there: time to fetch more
const FAR = 2; // heights of the log beyond which lines may go

const newest = /** @type {HTMLButtonElement | null} */ (page.querySelector("[data-newest]"));
let unseen = 0;
let loading = false;
let generation = 0; // of what is shown; what was asked for before a jump comes too late

/** @type {(direction: "earlier" | "later") => HTMLElement | null} */
const edge = (direction) => log.querySelector(`:scope > [data-${direction}]`);
const settled = () => /** @type {HTMLElement[]} */ ([...log.querySelectorAll(":scope > [data-position]:not([data-open])")]);

/** Keep what the reader looks at where it is, whatever changes above it. @param {() => void} change */
function steadily(change) {
  const top = log.getBoundingClientRect().top;
  const anchor = settled().find((line) => line.getBoundingClientRect().bottom > top);
  const was = anchor?.getBoundingClientRect().top ?? 0;
  log.classList.add("moving"); // or the browser would do it, too
  change();
  if (anchor?.isConnected) log.scrollTop += anchor.getBoundingClientRect().top - was;
  requestAnimationFrame(() => log.classList.remove("moving"));
}

/** The mark behind which there is more; made where it was not. @param {"earlier" | "later"} direction @param {boolean} more */
function mark(direction, more) {
  const known = edge(direction);
  if (!more) {
    known?.remove();
    return;
  }
  const made = known ?? element("div", direction);
  made.dataset[direction] = "";
  if (direction === "earlier") log.prepend(made);
  else log.insertBefore(made, settled().at(-1)?.nextSibling ?? null);
  watch.unobserve(made); // so that one that is near already is told again
  watch.observe(made);
}

/** Put lines where they belong, but for those that are there. @param {HTMLElement[]} lines */
function put(lines) {
  for (const line of lines) if (!lineOf(line)) place(line);
}

/** Drop lines that are far from the reader. @param {"earlier" | "later"} side */
function drop(side) {
  const lines = side === "later" ? settled().reverse() : settled();
  const { top, bottom, height } = log.getBoundingClientRect();
  const far = lines.slice(0, Math.max(0, lines.length - MOST)).filter((line) => {
    const box = line.getBoundingClientRect();
    return side === "later" ? box.top > bottom + FAR * height : box.bottom < top - FAR * height;
  });
  if (!far.length) return;
  far.forEach((line) => line.remove());
  mark(side, true);
}

/** Fetch what comes next. @param {"earlier" | "later"} direction */
async function load(direction) {
  const lines = settled().filter((line) => line.dataset.messageId && !isBeyond(line));
  const last = direction === "earlier" ? lines[0] : lines.at(-1);
  if (loading || !last) return;
  loading = true;
  const asked = generation;
  try {
    const part = await fetchLines([[direction === "earlier" ? "before" : "after", String(last.dataset.position)]]);
    if (asked !== generation) return;
    steadily(() => {
      if (direction === "later") mark(direction, false);
      put(part.lines);
      mark(direction, (direction === "earlier" ? part.lower : part.upper) !== null);
      drop(direction === "earlier" ? "later" : "earlier");
    });
  } catch {
    setTimeout(() => edge(direction) && mark(direction, true), 3000);
  } finally {
    loading = false;
    tellNewest();
  }
}

/** Whether a line stands behind a gap. @param {HTMLElement} line */
function isBeyond(line) {
  const gap = edge("later");
  return gap !== null && Boolean(gap.compareDocumentPosition(line) & Node.DOCUMENT_POSITION_FOLLOWING);
}

const watch = new IntersectionObserver(
  (seen) => {
    for (const { isIntersecting, target } of seen)
      if (isIntersecting) void load(target.matches("[data-earlier]") ? "earlier" : "later");
  },
  { root: log, rootMargin: `${NEAR}px 0px` },
);

/** Show another part of the conversation. @param {string[][]} query as of the address `lines/` */
async function jump(query) {
  generation += 1;
  const part = await fetchLines(query);
  settled().forEach((line) => line.remove());
  edge("later")?.remove();
  put(part.lines);
  mark("earlier", part.lower !== null);
  mark("later", part.upper !== null);
}

/** To the message that the address names. */
async function toHash() {
  const id = /^#m-([0-9a-f-]{36})$/.exec(location.hash)?.[1];
  if (!id) return false;
  if (!messageOf(id)) await jump([["message", id]]);
  const line = messageOf(id);
  if (line) show(line);
  return Boolean(line);
}

/** @param {HTMLElement} line */
function show(line) {
  line.scrollIntoView({ block: "center" });
  line.tabIndex = -1;
  line.focus({ preventScroll: true });
  requestAnimationFrame(() => line.scrollIntoView({ block: "center" })); // what was far away had no height yet
}

/** The button says whether there is something newer, and how much has come. */
function tellNewest() {
  if (!newest) return;
  if (isAtEnd()) unseen = 0;
  newest.hidden = isAtEnd();
  const count = newest.querySelector("[data-count]");
  if (count) count.textContent = unseen ? String(unseen) : "";
}

/** A message has come. */
export function arrived() {
  unseen += 1;
  tellNewest();
}

/** To the end of the conversation, wherever the reader is. */
export async function toNewest() {
  if (edge("later")) await jump([]);
  toTheEnd();
  tellNewest();
}

/** Follow the reader. */
export function windowed() {
  for (const direction of /** @type {const} */ (["earlier", "later"])) if (edge(direction)) mark(direction, true);
  onScroll(tellNewest);
  newest?.addEventListener("click", () => void toNewest());
  window.addEventListener("hashchange", () => void toHash());
  const at = Number(log.dataset.place);
  const near = at ? settled().find((line) => Number(line.dataset.position) >= at) : undefined;
  void toHash().then((shown) => !shown && near && show(near));
  tellNewest();
}
