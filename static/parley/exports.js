// @ts-check
/** Archives of all one's sessions: has one made, follows how far it is, offers it. */

import { element, moment } from "./elements.js";
import { csrf, post, read, uuid } from "./send.js";
import { size } from "./upload.js";
import { translate, translateMany } from "./words.js";

/** @typedef {{id: string, state: string, done: number, total: number, bytes: number | null, error: string,
 *   created_at: string, expires_at: string | null}} Archive as REST gives it */

const LOOK = 1_000; // milliseconds between two looks at what is being made
const AGAIN = 5_000; // after one that failed
const OPEN = new Set(["queued", "running"]);
const LABELS = { queued: translate("waiting for a worker"), running: translate("being made"), ready: translate("ready"), failed: translate("failed") };

const place = /** @type {HTMLElement} */ (document.querySelector("[data-exports]"));
const url = String(place.dataset.exportsUrl);
const given = String(document.querySelector("main")?.dataset.csrf);
/** @param {string} name @returns {HTMLElement} */
const part = (name) => /** @type {HTMLElement} */ (place.querySelector(`[data-${name}]`));
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** What went wrong, or with "" that it is over. @param {unknown} error */
function tell(error) {
  part("problem").textContent = error instanceof Error ? error.message : String(error);
  part("problem").hidden = !error;
}

/** @param {Archive} archive */
function actions({ id, state, created_at: made }) {
  const group = element("span", "buttons");
  if (state === "ready") {
    const link = /** @type {HTMLAnchorElement} */ (element("a", "button", translate("Download")));
    link.href = `${url}${id}/content/`;
    link.download = "";
    group.append(link);
  }
  const remove = /** @type {HTMLButtonElement} */ (element("button", "quiet", OPEN.has(state) ? translate("Stop") : translate("Delete")));
  remove.type = "button";
  const when = new Date(made).toLocaleString();
  const label = OPEN.has(state) ? translate("Stop the archive of {when}", { when }) : translate("Delete the archive of {when}", { when });
  remove.setAttribute("aria-label", label);
  remove.addEventListener("click", async () => {
    remove.disabled = true;
    await withdraw(id);
  });
  group.append(remove);
  return group;
}

/** @param {Archive} archive */
function line(archive) {
  const { state, done, total, bytes, error, expires_at: expires } = archive;
  const item = element("li", "");
  const about = element("div", "about", "");
  const label = element("span", "state", LABELS[/** @type {keyof LABELS} */ (state)] ?? state);
  label.dataset.state = state;
  about.append(moment(archive.created_at), " · ", label);
  if (state === "ready") about.append(" · ", translateMany("{count} session", "{count} sessions", total), `, ${size(bytes ?? 0)}`);
  if (state === "ready" && expires) about.append(" · ", translate("kept until"), " ", moment(expires));
  if (error) about.append(` · ${error}`);
  item.append(about);
  if (OPEN.has(state)) {
    const bar = document.createElement("progress");
    [bar.max, bar.value] = [Math.max(1, total), done];
    bar.setAttribute("aria-label", translate("{done} of {total} sessions", { done, total }));
    item.append(bar);
  }
  item.append(actions(archive));
  return item;
}

/** @param {Archive[]} archives */
function show(archives) {
  const held = document.activeElement?.closest(".archives") ? document.activeElement.getAttribute("aria-label") : null;
  part("archives").replaceChildren(...archives.map(line));
  if (held) /** @type {HTMLElement | null} */ (part("archives").querySelector(`[aria-label="${CSS.escape(held)}"]`))?.focus();
  part("none").hidden = archives.length > 0;
  const [newest] = archives;
  const state = newest && (LABELS[/** @type {keyof LABELS} */ (newest.state)] ?? newest.state);
  const said = newest ? translate("Archive {state}", { state }) : "";
  if (part("told").textContent !== said) part("told").textContent = said;
  const open = archives.some(({ state }) => OPEN.has(state));
  /** @type {HTMLButtonElement} */ (part("begin")).disabled = open;
  if (open) timer = setTimeout(look, LOOK);
}

/** Ask how things stand, and again while something is being made. */
async function look() {
  clearTimeout(timer);
  try {
    show((await read(`${url}?limit=10`)).data);
  } catch (error) {
    tell(error);
    timer = setTimeout(look, AGAIN);
  }
}

/** @param {string} id */
async function withdraw(id) {
  try {
    const headers = { "X-CSRFToken": csrf(given) };
    const answer = await fetch(`${url}${id}/`, { method: "DELETE", headers, credentials: "same-origin" });
    if (!answer.ok && answer.status !== 404) throw new Error(translate("The server answered {status}.", { status: answer.status }));
    tell("");
  } catch (error) {
    tell(error instanceof TypeError ? translate("The server cannot be reached.") : error);
  }
  await look();
}

part("begin").addEventListener("click", async () => {
  /** @type {HTMLButtonElement} */ (part("begin")).disabled = true;
  try {
    await post(url, {}, { key: uuid(), csrf: given, onRetry: (why) => tell(translate("{why} Trying again…", { why })) });
    tell("");
  } catch (error) {
    tell(error);
  }
  await look();
});
void look();
