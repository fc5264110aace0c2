// @ts-check
/** Parts of a page that the server writes anew when something has happened: `data-part` of the same address. */

import { localize } from "./elements.js";

const CALM = 300; // milliseconds: what happens together is shown together

/** @type {ReturnType<typeof setTimeout> | undefined} */
let due;
let again = false;
let busy = false;

/** What holds the focus in the part, in words that hold for the part that follows. @param {Element} part */
function focused(part) {
  const held = document.activeElement;
  if (!held || !part.contains(held)) return null;
  const name = held.getAttribute("aria-label");
  const href = held.getAttribute("href");
  return name ? `[aria-label="${CSS.escape(name)}"]` : href ? `[href="${CSS.escape(href)}"]` : null;
}

/** Fetch the page and take its part over. @param {(fresh: HTMLElement, old: HTMLElement) => void} keep */
async function renew(keep) {
  const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
  if (!answer.ok || answer.redirected) return;
  const made = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [old, found] = [document.querySelector("[data-part]"), made.querySelector("[data-part]")];
  if (!(old instanceof HTMLElement) || !found) return;
  const fresh = document.importNode(/** @type {HTMLElement} */ (found), true);
  const held = focused(old);
  fresh.querySelectorAll("time[datetime]").forEach((time) => localize(/** @type {HTMLTimeElement} */ (time)));
  keep(fresh, old);
  old.replaceWith(fresh);
  if (held) /** @type {HTMLElement | null} */ (fresh.querySelector(held))?.focus();
}

/** Soon, once for all that happens until then. `keep` carries over what only the reader knows.
 * @param {(fresh: HTMLElement, old: HTMLElement) => void} [keep] */
export function renewPart(keep = () => {}) {
  again = true;
  due ??= setTimeout(async () => {
    due = undefined;
    if (busy) return;
    busy = true;
    while (again) {
      again = false;
      await renew(keep).catch(() => {}); // the next event, or a reload, brings it
    }
    busy = false;
  }, CALM);
/** Parts of a page, written by the server and brought by htmx. Used by timeline.js and context.js. */
/** What is said where a part did not come. @param {number} status @param {boolean} elsewhere */
function why(status, elsewhere) {
  if (!status) return "The server cannot be reached.";
  if (status === 200 && elsewhere) return "You are logged out.";
  return status === 404 ? "This session is gone." : `The server answered ${status}.`;
/**
 * Bring a part into the target, or where `swap` says. Rejects with an Error that says why it did not come; what is of
 * another page (a login that is asked for) is not shown.
 * @param {string} address @param {Element} target @param {"beforeend" | "afterend"} [swap]
 */
export async function bring(address, target, swap) {
  let [status, elsewhere] = [0, false];
  /** @param {any} event */
  const judge = ({ target: aim, detail }) => {
    if (aim !== target) return;
    status = detail.xhr.status;
    elsewhere = new URL(detail.xhr.responseURL).pathname !== location.pathname;
    detail.shouldSwap = status === 200 && !elsewhere;
  };
  target.addEventListener("htmx:beforeSwap", judge);
  try {
    // in the target's own name: of two requests of one element htmx may drop one
    await /** @type {any} */ (window).htmx.ajax("GET", address, { source: target, target, ...(swap && { swap }) });
  } catch {
    status = 0;
  }
  target.removeEventListener("htmx:beforeSwap", judge);
  if (status !== 200 || elsewhere) throw new Error(why(status, elsewhere));
}
