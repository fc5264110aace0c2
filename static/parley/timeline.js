// @ts-check
/** The page of a session's log: follows its end, goes on both ways, opens events, travels. Lines are the server's: what
 * an event says is put into words in one place. */

import { toClipboard } from "./clipboard.js";
import { linkTo, localize } from "./elements.js";
import { follow } from "./live.js";
import { bring } from "./parts.js";
import { translate } from "./words.js";

const MOST = 600; // lines kept; those far from where one looks are let go and come again
const SOON = 150; // milliseconds in which events are gathered
const SETTLED = 250; // and after which a slider is where it was meant to be
const LOGGED_OUT = 4401;

const page = /** @type {HTMLElement} */ (document.querySelector("main[data-session]"));
/** @param {string} selector */
const part = (selector) => /** @type {HTMLElement} */ (page.querySelector(selector));
const lines = () => part("[data-lines]");
/** @returns {HTMLElement[]} */
const events = () => [...page.querySelectorAll("#lines > .event")].map((line) => /** @type {HTMLElement} */ (line));
/** @param {HTMLElement | undefined} line */
const versionOf = (line) => Number(line?.dataset.version ?? 0);

let head = Number(page.dataset.version);
let shown = head; // all up to here that fits the filters is on the page, where its end is
let travelled = page.querySelector(".moment") !== null;

// -- the end -------------------------------------------------------------------------------------------------------------

/** Whether the end of the log is on the page, so that it grows. */
const showsEnd = () => !travelled && !page.querySelector('[data-more="after"]');
const isAtEnd = () => lines().scrollHeight - lines().scrollTop - lines().clientHeight < 60;
const toTheEnd = () => {
  lines().scrollTop = lines().scrollHeight;
};

let due = false;
/** Events have come: once for all that come until then. @param {number} version */
function heard(version) {
  head = Math.max(head, version);
  for (const name of ["slider", "number"]) {
    const input = /** @type {HTMLInputElement} */ (part(`[data-${name}]`));
    input.max = String(head);
    if (!travelled && input !== document.activeElement) input.value = input.max;
  }
  part("[data-head]").textContent = String(head);
  if (due) return;
  due = true;
  setTimeout(async () => {
    const upto = head;
    if (showsEnd()) await told(grow);
    else part("[data-newer]").hidden = false;
    due = false;
    if (upto < head) heard(head);
  }, SOON);
}

async function grow() {
  const [stay, upto, had] = [isAtEnd(), head, events().length];
  await bring(`?${page.dataset.query}after=${shown}`, part("#lines"), "beforeend");
  shown = Math.max(upto, versionOf(events().at(-1)));
  const more = events().length - had;
  page.querySelector(".lines .empty")?.toggleAttribute("hidden", events().length > 0);
  part("[data-told]").textContent = said(more);
  if (stay) {
    letGo(events().slice(0, -MOST), "before");
    toTheEnd();
  } else if (more) part("[data-newer]").hidden = false;
}

/** @param {number} more */
const said = (more) =>
  more ? String(more === 1 ? page.dataset.newOne : page.dataset.newMany).replace("#", String(more)) : "";

// -- both ways -----------------------------------------------------------------------------------------------------------

let going = false;
/** Go on where the reader has come to the edge of what is here. @param {HTMLElement} more */
async function goOn(more) {
  const link = more.querySelector("a");
  if (going || !link) return;
  going = true;
  const [way, list] = [more.dataset.more, lines()];
  const first = events()[0];
  const top = first?.getBoundingClientRect().top ?? 0;
  const came = await told(() => bring(String(link), more, "afterend"));
  going = false;
  if (!came) return;
  more.remove();
  if (way === "before" && first) list.scrollTop += first.getBoundingClientRect().top - top;
  if (way === "before") letGo(events().slice(MOST), "after");
  else letGo(events().slice(0, -MOST), "before");
  watchEdges();
}

/** Remove lines at one end, and leave the way back to them. @param {HTMLElement[]} far @param {"before" | "after"} way */
function letGo(far, way) {
  if (!far.length) return;
  const list = lines();
  const kept = events().find((line) => !far.includes(line) && way === "before") ?? events()[events().length - far.length - 1];
  const top = kept.getBoundingClientRect().top;
  for (const line of far) line.remove();
  page.querySelector(`[data-more="${way}"]`)?.remove();
  const more = document.createElement("li");
  more.className = "more";
  more.dataset.more = way;
  const link = document.createElement("a");
  link.href = `?${page.dataset.query}${way}=${versionOf(kept)}`;
  link.textContent = String(way === "before" ? page.dataset.earlier : page.dataset.later);
  more.append(link);
  part("#lines")[way === "before" ? "prepend" : "append"](more);
  list.scrollTop += kept.getBoundingClientRect().top - top;
  watchEdges();
}

const edges = new IntersectionObserver((seen) => {
  for (const { isIntersecting, target } of seen) if (isIntersecting) void goOn(/** @type {HTMLElement} */ (target));
});

function watchEdges() {
  edges.disconnect();
  for (const more of page.querySelectorAll("[data-more]")) edges.observe(more);
}

// -- an event ------------------------------------------------------------------------------------------------------------

/** Mark the others of the same request. @param {HTMLElement} line @param {boolean} isOpen */
function markKin(line, isOpen) {
  const { request } = line.dataset;
  for (const other of events())
    other.classList.toggle("kin", isOpen && other !== line && Boolean(request) && other.dataset.request === request);
}

/** Its payload comes when it is opened. @param {HTMLDetailsElement} opened */
async function open(opened) {
  const line = /** @type {HTMLElement} */ (opened.closest(".event"));
  markKin(line, opened.open);
  const box = /** @type {HTMLElement} */ (opened.querySelector("[data-payload]"));
  if (opened.open && !box.querySelector("pre, .gone")) await told(() => bring(`?open=${box.dataset.payload}`, box));
  if (opened.open) line.scrollIntoView({ block: "nearest" });
  offerCopies();
}

function offerCopies() {
  for (const button of page.querySelectorAll("[data-copy]")) button.removeAttribute("hidden");
}

page.addEventListener("toggle", ({ target }) => {
  if (target instanceof HTMLDetailsElement && target.closest(".event")) void open(target);
}, true);

page.addEventListener("click", async (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const button = target?.closest("[data-copy]");
  const way = /** @type {HTMLElement | null | undefined} */ (target?.closest("a[data-at], a[data-now]"));
  if (button) {
    await toClipboard(button.parentElement?.querySelector("pre")?.textContent ?? "");
    button.textContent = String(page.dataset.copied);
  } else if (way && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    await travel(way.dataset.at ? Number(way.dataset.at) : null);
  }
});

// -- travelling ----------------------------------------------------------------------------------------------------------

/** Show the session as it was, or as it is. @param {number | null} version */
async function travel(version) {
  const address = `?${page.dataset.query}${version === null ? "" : `at=${version}`}`;
  for (const name of ["slider", "number"]) /** @type {HTMLInputElement} */ (part(`[data-${name}]`)).value = String(version ?? head);
  const upto = head;
  if (!(await told(() => bring(address, part("#view"))))) return;
  history.replaceState(null, "", address === "?" ? location.pathname : address);
  [travelled, shown, going] = [version !== null, upto, false];
  arrive();
}

/** Look at what was asked for: the event one travelled to, or the end. */
function arrive() {
  const current = page.querySelector("#lines [aria-current], #lines details[open]");
  if (current) lines().scrollTop += current.getBoundingClientRect().top - lines().getBoundingClientRect().top - lines().clientHeight / 2;
  else toTheEnd();
  offerCopies();
  watchEdges();
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let settling;
const slider = /** @type {HTMLInputElement} */ (part("[data-slider]"));
const number = /** @type {HTMLInputElement} */ (part("[data-number]"));
slider.hidden = false;
slider.addEventListener("input", () => {
  number.value = slider.value;
  clearTimeout(settling);
  settling = setTimeout(() => void travel(Number(slider.value)), SETTLED);
});
part("[data-travel]").addEventListener("submit", (event) => {
  event.preventDefault();
  void travel(Number(number.value));
});
page.addEventListener("submit", ({ target }) => {
  if (target instanceof HTMLFormElement && target.matches(".fork")) target.querySelector("button")?.setAttribute("disabled", "");
});

// -- the connection ------------------------------------------------------------------------------------------------------

/** @param {import("./live.js").Status} status */
function showStatus({ state, reason, code, seconds }) {
  const status = part("[data-status]");
  status.textContent = reason + (seconds === undefined ? "" : ` – ${Math.ceil(seconds)} s…`);
  status.dataset.state = state;
  if (state === "live" && shown < head) heard(head); // what could not be asked for meanwhile
  if (code !== LOGGED_OUT) return;
  status.append(" ", linkTo(page.dataset.loginUrl, translate("Log in again")));
}

/** Do what asks the server, and tell where it fails. Whether it was done. @param {() => Promise<void>} asking */
async function told(asking) {
  const problem = part("[data-problem]");
  try {
    await asking();
    problem.hidden = true;
    return true;
  } catch (error) {
    problem.textContent = error instanceof Error ? error.message : String(error);
    problem.hidden = false;
    return false;
  }
}

page.addEventListener("htmx:afterSwap", () => {
  for (const time of page.querySelectorAll("#view time[datetime]")) localize(/** @type {HTMLTimeElement} */ (time));
});

arrive();
follow(String(page.dataset.session), head, {
  onEvent: ({ version }) => heard(version),
  onNotice: () => {},
  onStatus: showStatus,
});
