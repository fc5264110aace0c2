// @ts-check
/** The wizard that imports a file: sends it to be tried, shows what would come, and sends it again to be kept. */

import { element } from "./elements.js";
import { size, takeFiles, upload } from "./upload.js";
import { translate, translateMany } from "./words.js";

/** @typedef {{name: string, title?: string, status: string, id?: string, messages?: number, missing_artifacts?: number,
 *   code?: string, detail?: string}} Told @typedef {{dry_run: boolean, complete: boolean, created: number,
 *   unchanged: number, refused: number, sessions: Told[]}} Report as REST gives it */

const TYPES = { json: "application/json", jsonl: "application/x-ndjson", ndjson: "application/x-ndjson", zip: "application/zip" };
const MOST_SHOWN = 300;
const NOBODY = "00000000-0000-0000-0000-000000000000";

const place = /** @type {HTMLElement} */ (document.querySelector("[data-import]"));
/** @param {string} name @returns {HTMLElement} */
const part = (name) => /** @type {HTMLElement} */ (place.querySelector(`[data-${name}]`));
const csrf = String(document.querySelector("main")?.dataset.csrf);
const most = Number(place.dataset.most);

/** @type {File | undefined} */
let file;
/** @type {AbortController | undefined} */
let sending;

/** @param {"choose" | "check" | "done"} step */
function at(step) {
  place.querySelectorAll("[data-step]").forEach((one) => one.classList.toggle("here", one.getAttribute("data-step") === step));
}

/** What went wrong, or with "" that it is over. @param {string} why */
function tell(why) {
  part("problem").textContent = why;
  part("problem").hidden = !why;
}

/** @param {File} chosen */
const typeOf = ({ name }) => TYPES[/** @type {keyof TYPES} */ (name.split(".").pop()?.toLowerCase() ?? "")];

/** Show nothing but the place where a file is chosen. */
function beginAnew() {
  file = undefined;
  at("choose");
  tell("");
  part("verdict").textContent = "";
  part("sessions").replaceChildren();
  for (const name of ["work", "table", "choice", "more"]) part(name).hidden = true;
  part("drop").hidden = false;
}

/** @param {number} share of the file that was sent @param {boolean} dry */
function progress(share, dry) {
  const bar = /** @type {HTMLProgressElement} */ (part("bar"));
  if (share < 1) bar.value = Math.round(share * 100);
  else bar.removeAttribute("value"); // how far the server is nobody knows
  part("doing").textContent = share < 1 ? translate("Sending… {percent} %", { percent: Math.round(share * 100) }) : dry ? translate("Looking through it…") : translate("Importing…");
}

/** Send the file. @param {boolean} dry @returns {Promise<Report>} */
function send(dry) {
  const chosen = /** @type {File} */ (file);
  sending = new AbortController();
  progress(0, dry);
  const url = `${place.dataset.importUrl}${dry ? "?dry_run=true" : ""}`;
  return upload(url, chosen, { type: typeOf(chosen), csrf, signal: sending.signal, onProgress: (share) => progress(share, dry) });
}

/** Send it until all of it was looked at: what was kept is not kept twice. @param {boolean} dry */
async function attempt(dry) {
  tell("");
  part("work").hidden = false;
  part("choice").hidden = true;
  try {
    let report = await send(dry);
    const seen = new Map(report.sessions.map((one) => [one.id ?? one.name, one]));
    while (!report.complete && !dry && report.created) {
      part("verdict").textContent = translateMany("{count} session so far…", "{count} sessions so far…", seen.size);
      report = await send(dry);
      for (const one of report.sessions) if (seen.get(one.id ?? one.name)?.status !== "created") seen.set(one.id ?? one.name, one);
    }
    show({ ...report, sessions: [...seen.values()] });
    at(dry ? "check" : "done");
  } catch (error) {
    part("table").hidden = true;
    part("verdict").textContent = "";
    tell(error instanceof Error ? error.message : String(error));
    part("drop").hidden = false;
    at("choose");
  }
  part("work").hidden = true;
}

/** What would come, or came, in a sentence. @param {Report} report */
function inWords({ dry_run: dry, complete, sessions }) {
  const of = (/** @type {string} */ status) => sessions.filter((one) => one.status === status);
  const [created, unchanged, refused] = [of("created"), of("unchanged"), of("refused")];
  const messages = created.reduce((sum, one) => sum + (one.messages ?? 0), 0);
  const come = {
    sessions: translateMany("{count} session", "{count} sessions", created.length),
    messages: translateMany("{count} message", "{count} messages", messages),
  };
  const stay = dry
    ? translateMany("{count} session is here already and would stay as it is.", "{count} sessions are here already and would stay as they are.", unchanged.length)
    : translateMany("{count} session is here already and stayed as it is.", "{count} sessions are here already and stayed as they are.", unchanged.length);
  const said = [
    created.length && dry ? translate("{sessions} with {messages} would come in.", come) : "",
    created.length && !dry ? translate("{sessions} with {messages} came in.", come) : "",
    unchanged.length ? stay : "",
    refused.length ? translateMany("{count} session cannot be imported; the reasons are below.", "{count} sessions cannot be imported; the reasons are below.", refused.length) : "",
    complete ? "" : translate("There was no time for the rest; it is looked at when you import."),
  ];
  return said.filter(Boolean).join(" ");
}

/** @param {Told} told @param {boolean} dry */
function becomes({ status, code, detail, missing_artifacts: missing }, dry) {
  const cell = element("td", `becomes ${status}`);
  const words = { created: dry ? translate("✓ new") : translate("✓ imported"), unchanged: translate("= already here"), refused: translate("✗ refused") };
  cell.append(element("strong", "", words[/** @type {keyof words} */ (status)] ?? status));
  const left = missing ? translateMany("{count} file left out: not in this file", "{count} files left out: not in this file", missing) : "";
  const why = status === "refused" ? detail || code : left;
  if (why) cell.append(" ", element("span", "faint", why));
  return cell;
}

/** @param {Told} told @param {boolean} dry */
function row(told, dry) {
  const line = document.createElement("tr");
  const name = told.title || (told.name === told.id || /^\d*$/.test(told.name) ? translate("Untitled") : told.name);
  const head = element("th", "", "");
  head.setAttribute("scope", "row");
  if (told.id && (told.status === "unchanged" || !dry)) {
    const link = /** @type {HTMLAnchorElement} */ (element("a", "", name));
    link.href = String(place.dataset.sessionUrl).replace(NOBODY, told.id);
    head.append(link);
  } else head.textContent = name;
  line.append(head, element("td", "number", told.messages === undefined ? "" : String(told.messages)), becomes(told, dry));
  return line;
}

/** @param {Report} report */
function show(report) {
  const { dry_run: dry, sessions } = report;
  const rank = { refused: 0, created: 1, unchanged: 2 };
  const sorted = [...sessions].sort((one, other) => rank[/** @type {keyof rank} */ (one.status)] - rank[/** @type {keyof rank} */ (other.status)]);
  part("sessions").replaceChildren(...sorted.slice(0, MOST_SHOWN).map((one) => row(one, dry)));
  part("table").hidden = false;
  part("more").hidden = sorted.length <= MOST_SHOWN;
  part("more").textContent = translateMany("and {count} session more", "and {count} sessions more", sorted.length - MOST_SHOWN);
  part("verdict").textContent = inWords(report);
  const wanted = sessions.filter((one) => one.status === "created").length;
  const go = part("go");
  go.hidden = !dry || (!wanted && report.complete);
  go.textContent = wanted ? translateMany("Import {count} session", "Import {count} sessions", wanted) : translate("Import");
  part("choice").hidden = false;
  (go.hidden ? part("again") : go).focus();
}

/** @param {File} chosen */
function choose(chosen) {
  beginAnew();
  if (!typeOf(chosen)) return tell(translate("“{name}” is neither .json, .jsonl nor .zip.", { name: chosen.name }));
  const sizes = { name: chosen.name, size: size(chosen.size), most: size(most) };
  if (chosen.size > most) return tell(translate("“{name}” has {size}; at most {most} can be sent here. An operator can import larger files.", sizes));
  file = chosen;
  part("drop").hidden = true;
  part("name").textContent = chosen.name;
  part("size").textContent = size(chosen.size);
  void attempt(true);
}

takeFiles(part("drop"), /** @type {HTMLInputElement} */ (part("file")), ([first]) => choose(first));
part("go").addEventListener("click", () => void attempt(false));
part("stop").addEventListener("click", () => sending?.abort());
part("again").addEventListener("click", () => {
  beginAnew();
  part("file").focus();
});
