// @ts-check
/** How the connection is, and what is worth saying aloud: a banner, a line, and a region that screen readers read. */

import { loginLink } from "./asking.js";
import { conversation, page, part } from "./log.js";
import { translate } from "./words.js";

/** @typedef {import("./live.js").Envelope} Envelope @typedef {import("./live.js").Status} Status */

const UNAUTHENTICATED = 4401;
const SHOWN = 4000; // milliseconds that good news stay

let lost = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let fading;

/** @param {string} text @param {string} kind @param {...Node} more */
function say(text, kind, ...more) {
  const banner = part("[data-banner]");
  clearTimeout(fading);
  banner.replaceChildren(text, ...more.flatMap((node) => [" ", node]));
  banner.dataset.kind = kind;
  banner.hidden = !text;
}

/** @param {Status} status */
export function showStatus(status) {
  const { state, reason, code, seconds, version } = status;
  const words = part("[data-banner]").dataset;
  const shown = part("[data-status]");
  const said = reason.charAt(0).toUpperCase() + reason.slice(1);
  shown.textContent = seconds === undefined ? said : translate("{reason} – trying again in {seconds} s…", { reason: said, seconds: Math.ceil(seconds) });
  shown.dataset.state = state;
  if (state === "waiting") say(String(navigator.onLine ? words.lost : words.offline), "lost");
  if (state === "ended") end(reason, code === UNAUTHENTICATED);
  if (state === "live" && lost) {
    say(String(words.caught).replace("%s", String(version)), "good");
    fading = setTimeout(() => say("", ""), SHOWN);
  }
  lost = state === "waiting" || (lost && state === "connecting");
}

/** Nothing comes any more. @param {string} reason @param {boolean} loggedOut */
function end(reason, loggedOut) {
  if (loggedOut) say(String(part("[data-banner]").dataset.left), "bad", loginLink());
  else say(reason.charAt(0).toUpperCase() + reason.slice(1), "bad");
  if (!loggedOut) page.querySelector("[data-send]")?.setAttribute("disabled", "");
}

/** @type {Record<string, string>} what of the region's words is said of an event */
const SAID = {
  "run-completed": "complete",
  "run-incomplete": "stopped",
  "run-cancelled": "stopped",
  "run-failed": "failed",
  "run-interrupted": "stopped",
  "run-requires-action": "decide",
};

/** Say that an answer of this conversation is complete, not its every word. @param {Envelope} event
 * @param {boolean} here */
export function announce({ type }, here) {
  const region = part("[data-said]");
  if (here && SAID[type]) region.textContent = region.dataset[SAID[type]] ?? "";
  if (type === "run-started") region.textContent = ""; // the same words twice are read twice
}
