// @ts-check
/**
 * Questions in a dialog, and forms and buttons that run a command about the session. Used by chat.js.
 *
 * `data-asks`: the address of a part, or the id of a template. `data-command`: what it runs, with `data-payload` and the
 * form's fields (`a-b` is `b` in `a`); `data-then`: `close`, `again` (the part anew) or `home`.
 */

import { command, tell } from "./asking.js";
import { elementsOf, textOf } from "./html.js";
import { page, part } from "./log.js";
import { chooseModels } from "./models.js";

const dialog = /** @type {HTMLDialogElement} */ (part("[data-dialog]"));
let shown = "";

/** @param {string} what an address, or `#` and the id of a template */
export async function open(what) {
  try {
    const content = part("[data-asked]");
    if (what.startsWith("#")) content.replaceChildren(templateOf(what).content.cloneNode(true));
    else content.replaceChildren(...(await fetched(what)));
    shown = what;
    if (!dialog.open) dialog.showModal();
    /** @type {HTMLElement | null} */ (content.querySelector("[autofocus], [data-closes]"))?.focus();
  } catch (error) {
    tell(error);
  }
}

/** @param {string} id */
const templateOf = (id) => /** @type {HTMLTemplateElement} */ (page.querySelector(id));

/** A part of the page: our own template, which escapes what people have written. @param {string} address */
export const fetched = async (address) => elementsOf(await textOf(address));

/** @param {HTMLElement} asked @returns {Record<string, any>} */
function payloadOf(asked) {
  const payload = JSON.parse(asked.dataset.payload ?? "{}");
  for (const [name, value] of asked instanceof HTMLFormElement ? new FormData(asked) : []) {
    const [first, second] = name.split("-");
    if (second) payload[first] = { ...payload[first], [second]: value };
    else payload[first] = value;
  }
  return payload;
}

/** @param {HTMLElement} asked */
async function run(asked) {
  try {
    await command(String(asked.dataset.command), payloadOf(asked));
    const then = asked.dataset.then;
    if (then === "home") location.assign(String(page.dataset.homeUrl));
    else if (then === "again") await open(shown);
    else if (dialog.open) dialog.close();
  } catch (error) {
    const refused = /** @type {HTMLElement | null} */ (dialog.open ? dialog.querySelector("[data-refused]") : null);
    if (!refused) return tell(error);
    tell("");
    refused.textContent = error instanceof Error ? error.message : String(error);
    refused.hidden = false;
  }
}

export function dialogs() {
  page.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest("button") : null;
    if (button?.dataset.asks) void open(button.dataset.asks);
    else if (button?.matches("[data-closes]")) dialog.close();
    else if (button?.dataset.command && !button.closest("[data-run-id]")) void run(button);
    if (target === dialog) dialog.close(); // beside it
  });
  dialog.addEventListener("submit", (event) => {
    event.preventDefault();
    void run(/** @type {HTMLFormElement} */ (event.target));
  });
  dialog.addEventListener("change", ({ target }) => {
    if (target instanceof HTMLSelectElement && target.name === "config-provider") chooseModels(target, "config-model");
  });
}
