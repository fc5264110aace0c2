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
}
