// @ts-check
/** Looks into a file in place: images as images, JSON and texts as texts. Used by files.js. */

import { element } from "./elements.js";
import { size } from "./upload.js";
import { translate } from "./words.js";

const MOST = 200_000; // bytes of a text

/** @param {string} text @param {string} kind @param {boolean} whole */
function pretty(text, kind, whole) {
  if (kind !== "json" || !whole) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** @param {HTMLElement} line */
function picture({ dataset }) {
  const image = document.createElement("img");
  image.alt = String(dataset.of);
  image.loading = "lazy";
  image.src = `${dataset.content}?inline`;
  image.addEventListener("error", () => image.replaceWith(element("p", "faint", translate("It cannot be shown."))));
  return [image];
}

/** The beginning of a text. @param {HTMLElement} line */
async function words({ dataset }) {
  const whole = Number(dataset.size) <= MOST;
  /** @type {Record<string, string>} */
  const headers = whole ? {} : { Range: `bytes=0-${MOST - 1}` };
  const answer = await fetch(String(dataset.content), { headers, credentials: "same-origin" });
  if (!answer.ok) return [element("p", "faint", translate("It cannot be shown: the server answered {status}.", { status: answer.status }))];
  const text = element("pre", "", pretty(await answer.text(), String(dataset.kind), whole));
  text.tabIndex = 0; // so that keys can scroll it
  const sizes = { part: size(MOST), size: size(Number(dataset.size)) };
  return whole ? [text] : [text, element("p", "faint", translate("The first {part} of {size}.", sizes))];
}

/** Show the file, or hide it again. @param {HTMLElement} line @param {HTMLElement} button */
export async function look(line, button) {
  const place = /** @type {HTMLElement} */ (line.querySelector("[data-preview]"));
  const open = place.hidden;
  place.hidden = !open;
  button.setAttribute("aria-expanded", String(open));
  if (!open || place.childElementCount) return;
  try {
    place.replaceChildren(...(line.dataset.kind === "image" ? picture(line) : await words(line)));
  } catch {
    place.replaceChildren();
    place.hidden = true;
    button.setAttribute("aria-expanded", "false");
  }
}
