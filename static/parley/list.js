// @ts-check
/** The list of sessions: follows what changes, does without a new page what its buttons ask, knows its keys. */

import { followAccount } from "./account.js";
import { element } from "./elements.js";
import { keys } from "./keys.js";
import { rename } from "./rename.js";
import { fill, form, newRow, rowOf, rows, showEmpty, showState, showTime, toTheTop } from "./rows.js";
import { Unsent, post, uuid } from "./send.js";
import { translate } from "./words.js";

/** @typedef {import("./account.js").Info} Info */

const AT_ONCE = new Set(["pin", "unpin", "archive", "unarchive"]);
const show = form?.dataset.show ?? "";
const problem = /** @type {HTMLElement} */ (document.querySelector("[data-problem]"));

// -- live ------------------------------------------------------------------------------------------------------------

/** Whether the list that is shown has such sessions. @param {Info} info */
const belongs = (info) =>
  show === "shared" ? info.role !== "owner" : info.role === "owner" && info.is_active === (show !== "archived");

/** A session is new or has changed. A list that is narrowed, or begins in the middle, takes no new ones. @param {Info} info */
function listed(info) {
  const known = rowOf(info.id);
  if (!belongs(info)) known?.remove();
  else if (known || (form.dataset.narrowed === undefined && form.dataset.begun === undefined)) {
    const row = known ?? newRow(info.id);
    fill(row, info, !known);
    toTheTop(row);
  }
  showEmpty();
}

/** What has changed between the page and the subscription, or while the connection was lost. */
async function catchUp() {
  const times = rows().map((row) => row.querySelector("time")?.dateTime ?? "");
  const since = times.reduce((latest, time) => (Date.parse(time) > Date.parse(latest) ? time : latest), String(form.dataset.newest));
  const asked = { limit: "100", ...(show === "shared" && { shared: "true" }), ...(since && { updated_after: since }) };
  const answer = await fetch(`${form.dataset.sessionsUrl}?${new URLSearchParams(asked)}`, { credentials: "same-origin" });
  if (answer.ok) (await answer.json()).data.toReversed().forEach(listed);
}

function live() {
  form.dataset.live = "true";
  catchUp().catch(() => undefined); // the connection will be lost, too, and come back
}

// -- asking ----------------------------------------------------------------------------------------------------------

/** @param {unknown} error */
function tell(error) {
  problem.textContent = error instanceof Error ? error.message : String(error);
  problem.hidden = !error;
}

/** @param {string} id @param {object} changes */
async function update(id, changes) {
  const body = { name: "update-session", payload: { session_id: id, ...changes } };
  try {
    await post(String(form.dataset.commandsUrl), body, { key: uuid(), csrf: String(form.dataset.csrf), onRetry: tell });
    tell("");
    return true;
  } catch (error) {
    tell(error instanceof Unsent ? error : String(error));
    return false;
  }
}

/** What has left the list is told, and can be had back. @param {string} id @param {"archive" | "unarchive"} what
 * @param {string} title */
async function move(id, what, title) {
  const done = /** @type {HTMLElement} */ (document.querySelector("[data-done]"));
  done.replaceChildren();
  if (!(await update(id, CHANGES[what]))) return;
  const undo = element("button", "quiet", form.dataset.undo);
  undo.addEventListener("click", () => void move(id, what === "archive" ? "unarchive" : "archive", title));
  done.replaceChildren(`${form.dataset[`${what}d`]} ${title} `, undo);
}

/** @type {Record<string, object>} */
const CHANGES = {
  pin: { metadata: { pinned: true } },
  unpin: { metadata: { pinned: null } },
  archive: { is_active: false },
  unarchive: { is_active: true },
};

/** Buttons of one row need no new page: the change comes back over the socket. */
function buttons() {
  form.addEventListener("submit", (event) => {
    const [what, id] = String(/** @type {HTMLButtonElement | null} */ (event.submitter)?.value).split(":");
    if (!id || !AT_ONCE.has(what) || form.dataset.live !== "true") return;
    event.preventDefault();
    closeMenus();
    if (what === "archive" || what === "unarchive") void move(id, what, rowOf(id)?.querySelector(".name")?.textContent ?? "");
    else void update(id, CHANGES[what]);
  });
  form.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("[data-renames]");
    if (!link) return;
    event.preventDefault();
    closeMenus();
    rename(/** @type {HTMLElement} */ (link.closest("li")), update);
  });
}

/** @param {Node} [but] */
function closeMenus(but) {
  form.querySelectorAll("details.more[open]").forEach((menu) => menu.contains(but ?? null) || menu.removeAttribute("open"));
}

// -- choosing, keys --------------------------------------------------------------------------------------------------

const boxes = () => /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll("[name=session]")]);

function count() {
  const shown = form.querySelector(".bulk [data-count]");
  if (shown) shown.textContent = String(boxes().filter(({ checked }) => checked).length);
}

/** All that are shown, or none of them. */
function chooseAll() {
  const all = boxes().every(({ checked }) => checked);
  boxes().forEach((box) => (box.checked = !all));
  count();
}

/** The row one is in. @returns {HTMLElement | null} */
const here = () => document.activeElement?.closest("li[data-session]") ?? null;

/** @param {1 | -1} by */
function step(by) {
  const all = rows();
  const at = all.indexOf(/** @type {HTMLElement} */ (here()));
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
  /** @type {HTMLElement | null | undefined} */ (next?.querySelector(":scope > a"))?.focus();
}

/** @param {string} selector */
const press = (selector) => () => /** @type {HTMLElement | null | undefined} */ (here()?.querySelector(selector))?.click();

function registerKeys() {
  keys(String(form.dataset.scope), [
    ["j", translate("Next session"), () => step(1)],
    ["k", translate("Previous session"), () => step(-1)],
    ["x", translate("Choose it"), press("[name=session]")],
    ["a", translate("Choose all that are shown, or none"), chooseAll],
    ["p", translate("Pin or unpin it"), press("[data-pins]")],
    ["r", translate("Rename it"), press("[data-renames]")],
    ["e", translate("Archive it, or bring it back"), press("[value^=archive], [value^=unarchive]")],
    ["n", translate("New session"), () => document.getElementById("id_title")?.focus()],
  ]);
}

/** What only the browser knows of the rows that the server wrote. */
function showAll() {
  for (const row of rows()) {
    showState(row, false);
    showTime(/** @type {HTMLTimeElement} */ (row.querySelector("time")));
  }
}

keys(translate("Search"), [["/", translate("Search"), () => document.getElementById("q")?.focus()]]);

if (form) {
  showAll();
  registerKeys();
  buttons();
  form.addEventListener("change", count);
  const everything = /** @type {HTMLElement | null} */ (form.querySelector("[data-all]"));
  everything?.addEventListener("click", chooseAll);
  everything?.removeAttribute("hidden");
  document.addEventListener("click", ({ target }) => closeMenus(/** @type {Node} */ (target)));
  form.addEventListener("keydown", ({ key, target }) => {
    const menu = key === "Escape" && target instanceof Element && target.closest("details.more[open]");
    if (!menu) return;
    menu.removeAttribute("open");
    menu.querySelector("summary")?.focus();
  });
  form.addEventListener("htmx:afterSettle", showAll);
  addEventListener("pageshow", ({ persisted }) => persisted && showAll());
  followAccount({
    listed,
    unlisted: (id) => {
      rowOf(id)?.remove();
      showEmpty();
    },
    live,
    lost: () => delete form.dataset.live,
  });
}
