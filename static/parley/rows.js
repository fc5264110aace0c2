// @ts-check
/** The rows of the list of sessions: found, filled, put where they belong. Used by list.js. */

import { element } from "./elements.js";
import { isUnread } from "./seen.js";

/** @typedef {import("./account.js").Info} Info */

export const form = /** @type {HTMLFormElement} */ (document.querySelector("form.choosing"));
const list = /** @type {HTMLElement} */ (form?.querySelector("ul.entries"));
const blank = /** @type {HTMLTemplateElement} */ (document.querySelector("template#entry"));
const NOBODY = "00000000-0000-0000-0000-000000000000";

export const rows = () => /** @type {HTMLElement[]} */ ([...list.querySelectorAll("li[data-session]")]);
/** @param {string} id @returns {HTMLElement | null} */
export const rowOf = (id) => list.querySelector(`li[data-session="${CSS.escape(id)}"]`);
/** @param {Element} row @param {string} selector */
const part = (row, selector) => /** @type {HTMLElement} */ (row.querySelector(selector));
/** @param {string} name */
const word = (name) => String(form.dataset[name]);

/** A row of nothing yet, with its own id wherever one stands. @param {string} id */
export function newRow(id) {
  const made = /** @type {DocumentFragment} */ (blank.content.cloneNode(true));
  const row = /** @type {HTMLElement} */ (made.firstElementChild);
  for (const one of [row, ...row.querySelectorAll("*")])
    for (const attribute of one.attributes) attribute.value = attribute.value.replaceAll(NOBODY, id);
  return row;
}

/** Show a session as it is now. @param {HTMLElement} row @param {Info} info @param {boolean} isNew */
export function fill(row, info, isNew) {
  const title = info.title || word("untitled");
  if (!row.querySelector("input.renaming")) part(row, ".name").textContent = title;
  part(row, "[data-model]").textContent = `${info.provider}/${info.model}`;
  part(row, "[data-messages]").textContent = `${info.message_count} ${word(info.message_count === 1 ? "one" : "many")}`;
  part(row, "[data-owner]").textContent = info.owner ? `${info.owner} · ` : "";
  for (const badge of row.querySelectorAll("[data-badge]")) badge.textContent = word(info.role);
  const time = /** @type {HTMLTimeElement} */ (part(row, "time"));
  time.dateTime = info.updated_at;
  showTime(time);
  for (const choose of row.querySelectorAll("[data-choose]"))
    choose.textContent = word("choose").replace("{title}", () => title);
  row.dataset.version = String(info.version);
  row.dataset.count = String(info.message_count);
  row.toggleAttribute("data-running", info.running);
  row.toggleAttribute("data-pinned", info.pinned && form.dataset.show !== "shared");
  fillPin(row, info);
  part(row, "[data-labels]").replaceChildren(...chips(info));
  showState(row, isNew);
}

/** @param {HTMLElement} row @param {Info} info */
function fillPin(row, { id, pinned }) {
  const button = /** @type {HTMLButtonElement | null} */ (row.querySelector("[data-pins]"));
  if (!button) return;
  button.value = `${pinned ? "unpin" : "pin"}:${id}`;
  button.title = word(pinned ? "unpin" : "pin");
  part(button, "[aria-hidden]").textContent = pinned ? "★" : "☆";
}

/** @param {Info} info */
function chips({ folder, tags }) {
  const named = [...(folder ? [["folder", folder]] : []), ...tags.map((tag) => ["tag", tag])];
  return named.map(([kind, name]) => {
    const chip = /** @type {HTMLAnchorElement} */ (element("a", kind === "folder" ? "chip folder" : "chip", name));
    chip.href = `?${new URLSearchParams({ [kind]: name })}`;
    return chip;
  });
}

/** As short as it can be told: today the hour, this year the day. @param {HTMLTimeElement} time */
export function showTime(time) {
  const [when, now] = [new Date(time.dateTime), new Date()];
  const [sameYear, sameDay] = [when.getFullYear() === now.getFullYear(), when.toDateString() === now.toDateString()];
  /** @type {Intl.DateTimeFormatOptions} */
  const day = { day: "numeric", month: "short", ...(!sameYear && { year: "numeric" }) };
  time.textContent = sameDay ? when.toLocaleTimeString([], { timeStyle: "short" }) : when.toLocaleDateString([], day);
  time.title = when.toLocaleString([], { dateStyle: "full", timeStyle: "short" });
}

/** Whether it is answering, or has messages nobody here has seen. @param {HTMLElement} row @param {boolean} isNew */
export function showState(row, isNew) {
  const { session = "", version, count, running } = row.dataset;
  const unread = isUnread(session, Number(version), Number(count), isNew);
  row.toggleAttribute("data-unread", unread);
  part(row, "[data-state]").textContent = running !== undefined ? word("answering") : unread ? word("unread") : "";
}

/** Put a row first of its kind: pinned ones stand above the others. What has the focus keeps it. @param {HTMLElement} row */
export function toTheTop(row) {
  const pinned = row.dataset.pinned !== undefined;
  const others = rows().filter((one) => one !== row);
  const before = others.find((one) => pinned || one.dataset.pinned === undefined) ?? list.querySelector("li.older");
  if (row.nextElementSibling === before && row.parentNode === list) return;
  if (row.querySelector("input.renaming")) return; // moved, it would lose the focus, and with it the new name
  const focused = row.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
  list.insertBefore(row, before ?? null);
  focused?.focus({ preventScroll: true });
}

/** The words for an empty list stand where no row is. */
export function showEmpty() {
  const empty = /** @type {HTMLElement | null} */ (form.querySelector(".empty"));
  if (empty) empty.hidden = rows().length > 0;
}
