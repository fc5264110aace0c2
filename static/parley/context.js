// @ts-check
/** The page of a session's context: what is pressed is a command over REST; what changes, here or elsewhere, is asked of
 * the server anew. */

import { linkTo } from "./elements.js";
import { follow } from "./live.js";
import { bring } from "./parts.js";
import { Unsent, post, uuid } from "./send.js";
import { translate } from "./words.js";

const SOON = 300; // milliseconds in which events are gathered
const LOGGED_OUT = 4401;

const page = /** @type {HTMLElement} */ (document.querySelector("main[data-session]"));
/** @param {string} selector */
const part = (selector) => /** @type {HTMLElement} */ (page.querySelector(selector));
const shown = part("#part");

let showing = false;
let again = false;
const says = () => page.querySelector("[data-say]")?.textContent?.replace(/\s+/g, " ").trim() ?? "";
/** Show it as it is now; once more, if something has changed meanwhile. */
async function show() {
  again = showing;
  if (showing) return;
  showing = true;
  const said = says();
  shown.setAttribute("aria-busy", "true");
  try {
    await bring(location.href, shown);
    if (says() !== said) part("[data-told]").textContent = says();
  } catch (error) {
    tell(error);
  }
  shown.removeAttribute("aria-busy");
  showing = false;
  if (again) void show();
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let due;
function soon() {
  due ??= setTimeout(() => {
    due = undefined;
    void show();
  }, SOON);
}

/** Tell what went wrong, or with "" that it is over. @param {unknown} error */
function tell(error) {
  const problem = part("[data-problem]");
  problem.textContent = error instanceof Error ? error.message : String(error);
  problem.hidden = !error;
  if (error instanceof Unsent && error.status === 401) problem.append(" ", loginLink());
}

const loginLink = () => linkTo(page.dataset.loginUrl, translate("Log in again"));

page.addEventListener("submit", async (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const button = event.submitter;
  if (!form.matches("[data-commands]") || !(button instanceof HTMLButtonElement)) return;
  event.preventDefault();
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true"); // and keeps the focus
  const name = new FormData(form).get("command");
  const payload = { ...JSON.parse(button.value), session_id: page.dataset.session };
  const options = { key: uuid(), csrf: String(page.dataset.csrf), onRetry: (/** @type {string} */ why) => tell(translate("{why} Trying again…", { why })) };
  try {
    await post(String(page.dataset.commandsUrl), { name, payload }, options);
    tell("");
    await show();
  } catch (error) {
    tell(error);
  }
  button.removeAttribute("aria-disabled");
});

let begun = false;
follow(String(page.dataset.session), Number(page.dataset.version), {
  onEvent: soon,
  onNotice: () => {},
  onStatus: ({ state, reason, code, seconds }) => {
    const status = part("[data-status]");
    status.textContent = reason + (seconds === undefined ? "" : ` – ${Math.ceil(seconds)} s…`);
    status.dataset.state = state;
    if (state === "live" && begun) soon(); // what could not be asked for meanwhile
    begun ||= state === "live";
    if (code === LOGGED_OUT) status.append(" ", loginLink());
  },
});
