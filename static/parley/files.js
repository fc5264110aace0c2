// @ts-check
/** The files of a session: takes new ones, shows and removes those that are there, follows what others do. */

import { element } from "./elements.js";
import { follow } from "./live.js";
import { renewPart } from "./renewing.js";
import { look } from "./preview.js";
import { csrf, uuid } from "./send.js";
import { size, takeFiles, upload } from "./upload.js";
import { translate } from "./words.js";

const page = /** @type {HTMLElement} */ (document.querySelector("main[data-files-url]"));
const url = String(page.dataset.filesUrl);
const most = Number(page.dataset.most);
const token = String(page.dataset.csrf);
const input = /** @type {HTMLInputElement | null} */ (page.querySelector("[data-file]"));
const drop = /** @type {HTMLElement | null} */ (page.querySelector("[data-drop]"));
const sending = /** @type {HTMLElement} */ (page.querySelector("[data-sending]"));
/** The name that the next file gets, whatever it is called. @type {string | undefined} */
let anew;

/** @param {string} name @param {unknown} what */
function say(name, what) {
  const shown = /** @type {HTMLElement} */ (page.querySelector(`[data-${name}]`));
  shown.textContent = what instanceof Error ? what.message : String(what);
  shown.hidden = name === "problem" && !what;
}

/** Open previews stay open where their files stay. @param {HTMLElement} fresh @param {HTMLElement} old */
function keep(fresh, old) {
  for (const shown of old.querySelectorAll("[data-file-id]:has([data-preview]:not([hidden]))")) {
    const same = fresh.querySelector(`[data-file-id="${shown.getAttribute("data-file-id")}"]`);
    same?.querySelector("[data-preview]")?.replaceWith(/** @type {Element} */ (shown.querySelector("[data-preview]")));
    same?.querySelector("[data-look]")?.setAttribute("aria-expanded", "true");
  }
}

// -- uploads -------------------------------------------------------------------------------------------------------------

/** @param {File} file @param {string} name */
async function send(file, name) {
  const line = element("li", "", "");
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.setAttribute("aria-label", name);
  const stop = /** @type {HTMLButtonElement} */ (element("button", "quiet", translate("Stop")));
  stop.type = "button";
  const stopping = new AbortController();
  stop.addEventListener("click", () => stopping.abort());
  line.append(element("span", "name", name), bar, stop);
  sending.append(line);
  const onProgress = (/** @type {number} */ share) => {
    if (share < 1) bar.value = share;
    else bar.removeAttribute("value");
  };
  try {
    if (file.size > most) throw new Error(translate("It has {size}; a file may have at most {most}.", { size: size(file.size), most: size(most) }));
    const address = `${url}?name=${encodeURIComponent(name)}`;
    const type = file.type || "application/octet-stream";
    const kept = await upload(address, file, { type, csrf: token, key: uuid(), signal: stopping.signal, onProgress });
    line.remove();
    say("told", translate("{name}, version {version}, is kept.", { name: kept.name, version: kept.version }));
    renewPart(keep);
  } catch (error) {
    const why = element("span", "why", error instanceof Error ? error.message : String(error));
    why.setAttribute("role", "alert");
    bar.replaceWith(why);
    stop.textContent = translate("Close");
    stop.addEventListener("click", () => line.remove());
  }
}

/** One after the other: each server takes so many at a time. @param {File[]} files */
async function sendAll(files) {
  const name = anew ?? input?.dataset.name;
  anew = undefined;
  for (const file of name ? files.slice(0, 1) : files) await send(file, name ?? file.name);
}

if (drop && input) takeFiles(drop, input, (files) => void sendAll(files));

// -- what is there -------------------------------------------------------------------------------------------------------

/** @param {HTMLElement} line */
async function remove(line) {
  if (!confirm(`${line.dataset.of}: ${page.dataset.confirm}`)) return;
  try {
    const headers = { "X-CSRFToken": csrf(token) };
    const answer = await fetch(String(line.dataset.url), { method: "DELETE", headers, credentials: "same-origin" });
    if (!answer.ok && answer.status !== 404) throw new Error(translate("It is still there: the server answered {status}.", { status: answer.status }));
    say("problem", "");
    renewPart(keep);
  } catch (error) {
    say("problem", error instanceof TypeError ? translate("The server cannot be reached.") : error);
  }
}

page.addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest("button") : null;
  const line = /** @type {HTMLElement | null} */ (button?.closest("[data-file-id]") ?? null);
  if (!button || !line) return;
  if (button.matches("[data-look]")) void look(line, button);
  if (button.matches("[data-remove]")) void remove(line);
  if (button.matches("[data-anew]")) {
    anew = line.dataset.of;
    input?.click();
  }
});
input?.addEventListener("cancel", () => (anew = undefined));

follow(String(page.dataset.session), Number(page.dataset.version), {
  onEvent: ({ type }) => {
    if (type.startsWith("artifact-")) renewPart(keep);
    if (type === "session-deleted") say("problem", page.dataset.gone);
  },
  onNotice: () => {},
  onStatus: ({ state, reason }) => state === "ended" && say("problem", reason),
});
