// @ts-check
/** Parts of a page, written by the server and brought by htmx. Used by timeline.js and context.js. */

import { translate } from "./words.js";

/** What is said where a part did not come. @param {number} status @param {boolean} elsewhere */
function why(status, elsewhere) {
  if (!status) return translate("The server cannot be reached.");
  if (status === 200 && elsewhere) return translate("You are logged out.");
  return status === 404 ? translate("This session is gone.") : translate("The server answered {status}.", { status });
}

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
