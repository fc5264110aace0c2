// @ts-check
/** What was said while an answer is at work, and waits for its turn: chips above the box. Used by runs.js and chat.js. */

import { command, tell, textOf, withText } from "./asking.js";
import { ask } from "./forks.js";
import { conversation, page, part, session } from "./log.js";
import { read } from "./send.js";

/** @param {string} run @returns {HTMLElement | null} */
export const chipOf = (run) => page.querySelector(`[data-queue] [data-run-id="${CSS.escape(run)}"]`);

/** @param {string} run @param {any[] | null} input null: an answer to what is there already */
export function enqueue(run, input) {
  const queue = part("[data-queue]");
  if (!queue || chipOf(run)) return;
  const template = /** @type {HTMLTemplateElement} */ (part("template[data-chip]"));
  const chip = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  chip.dataset.runId = run;
  if (!input) chip.querySelectorAll("[data-changes], [data-hurries]").forEach((button) => button.setAttribute("hidden", ""));
  queue.append(chip);
  setInput(run, input);
}

/** As `_words` of sessions_app/pages/session.py. @param {any} part */
const words = (part) => (part.type === "text" ? part.text : `[${part.type}] ${part.alt_text || part.url || ""} `);

/** @param {string} run @param {any[] | null} input */
export function setInput(run, input) {
  const line = chipOf(run)?.querySelector(".words");
  if (!line) return;
  line.textContent = input ? input.map(words).join("") : String(part("[data-queue]").dataset.answer);
}

/** Its turn has come, or it was removed. @param {string} run */
export const dequeue = (run) => chipOf(run)?.remove();

/** @param {string} run */
const addressOf = (run) => String(page.dataset.runUrl).replace(session, run);

/** @param {HTMLElement} chip */
async function change(chip) {
  if (chip.querySelector(".editing")) return;
  const run = String(chip.dataset.runId);
  const { input } = await read(addressOf(run));
  ask(chip, textOf(input), async (text) => {
    try {
      await command("change-queued-run", { run_id: run, input: withText(input, text) });
      chip.querySelector(".editing")?.remove();
      part(".composer textarea").focus();
    } catch (error) {
      tell(error);
    }
  });
}

/** Asked once more, ahead of all; only then is the waiting one removed, so that nothing is lost between. @param {HTMLElement} chip */
async function hurry(chip) {
  const run = String(chip.dataset.runId);
  const { input, provider, model, tools, config } = await read(addressOf(run));
  const wanted = { input, provider, model, tools, config, conversation_id: conversation, on_busy: "interrupt" };
  await command("request-run", wanted);
  await command("cancel-run", { run_id: run });
}

export function queue() {
  part("[data-queue]").addEventListener("click", async ({ target }) => {
    const button = target instanceof Element ? target.closest("button") : null;
    const chip = /** @type {HTMLElement | null} */ (button?.closest(".chip"));
    if (!button || !chip) return;
    try {
      if (button.matches("[data-changes]")) await change(chip);
      if (!button.matches("[data-hurries]")) return;
      button.disabled = true;
      await hurry(chip);
    } catch (error) {
      button.disabled = false;
      tell(error);
    }
  });
}
