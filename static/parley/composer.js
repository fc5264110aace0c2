// @ts-check
/** Where one writes: sends once, keeps drafts, stops the answer at work. Used by chat.js. */

import { command, sent, tell } from "./asking.js";
import { attachments } from "./attachments.js";
import * as drafts from "./drafts.js";
import { AT_THE_END } from "./forks.js";
import { keys } from "./keys.js";
import { toNewest } from "./history.js";
import { conversation, isBusy, page, part } from "./log.js";
import { uuid } from "./send.js";
import { slash } from "./slash.js";

const TOUCH = matchMedia("(pointer: coarse)"); // there, Enter is for lines: no Shift is at hand

/** The answer at work in this conversation. */
const atWork = () =>
  /** @type {HTMLElement | null} */ (page.querySelector("[role=log] > [data-open]"))?.dataset.runId;

export async function stop() {
  const run = atWork();
  if (!run) return false;
  try {
    await command("cancel-run", { run_id: run });
  } catch (error) {
    tell(error);
  }
  return true;
}

/** The button is there while there is something to stop. */
function stopping() {
  const button = /** @type {HTMLButtonElement} */ (part("[data-stop]"));
  const show = () => {
    if (!isBusy() && document.activeElement === button) part(".composer textarea").focus();
    button.hidden = !isBusy();
  };
  button.addEventListener("click", () => void stop());
  new MutationObserver(show).observe(part("[role=log]"), { childList: true, subtree: true, attributeFilter: ["data-open"] });
  show();
}

/** What is sent: a text, or parts where files go with it. @param {string} text
 * @param {import("./attachments.js").Kept[]} files */
const contentOf = (text, files) =>
  files.length ? [...files.map((file) => file.part), ...(text.trim() ? [{ type: "text", text }] : [])] : text;

/** What single keys do while nobody types. */
function shortcuts() {
  const { chat = "", write = "", stops = "", edits = "", again = "", before = "", after = "" } = part(".composer").dataset;
  /** @param {string} rel of the last arrows */
  const go = (rel) => () => /** @type {HTMLElement | undefined} */ ([...page.querySelectorAll(`.siblings [rel=${rel}]`)].at(-1))?.click();
  keys(chat, [
    ["c", write, () => part(".composer textarea").focus()],
    ["Escape", stops, () => void (document.querySelector(":popover-open") ?? stop())],
    ["e", edits, AT_THE_END.edit],
    ["r", again, AT_THE_END.again],
    ["[", before, go("prev")],
    ["]", after, go("next")],
  ]);
}

/** @param {{added: (message: any) => void, queued: (run: any) => void}} show what came of it */
export function composer(show) {
  const form = /** @type {HTMLFormElement} */ (part(".composer"));
  const box = /** @type {HTMLTextAreaElement} */ (part(".composer textarea"));
  const button = /** @type {HTMLButtonElement} */ (part("[data-send]"));
  let [key, waits, sending] = ["", false, false];

  const changed = () => {
    if (sending) return;
    key = ""; // another text is another message
    drafts.keep({ text: box.value, files: files.all() });
  };
  const files = attachments(changed);
  const write = (/** @type {string} */ text) => {
    box.value = text;
    box.dispatchEvent(new Event("input"));
    box.focus();
  };
  const commands = slash(box, write);

  /** @param {string | any[]} content */
  const post = async (content) => {
    if (!key) [key, waits] = [uuid(), isBusy()]; // kept after a failure: the server may have it although we never heard so
    if (waits) show.queued(await sent(String(page.dataset.runsUrl), { input: content, conversation }, key));
    else show.added(await sent(String(page.dataset.messagesUrl), { content, role: "user", answer: true, conversation_id: conversation }, key));
  };
  const send = async () => {
    if (sending || button.disabled) return;
    sending = box.readOnly = button.disabled = true;
    try {
      await files.come();
      const content = contentOf(box.value, files.all());
      if (content.length && (typeof content !== "string" || content.trim())) {
        await post(content);
        files.clear();
        box.value = key = "";
        drafts.keep({ text: "", files: [] });
        void toNewest();
        tell("");
      }
    } catch (error) {
      tell(error);
    }
    sending = box.readOnly = button.disabled = false;
    box.focus();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send();
  });
  box.addEventListener("input", () => {
    changed();
    commands.refresh();
  });
  box.addEventListener("keydown", (event) => {
    if (event.isComposing || commands.takes(event)) return;
    if (event.key === "Escape") void stop();
    if (event.key === "ArrowUp" && !box.value && AT_THE_END.edit()) event.preventDefault();
    if (event.key !== "Enter" || event.shiftKey || (TOUCH.matches && !event.ctrlKey && !event.metaKey)) return;
    event.preventDefault();
    void send();
  });
  box.required = false; // a picture alone is a message, too
  const before = drafts.kept();
  if (!box.value) box.value = before.text;
  files.restore(before.files);
  stopping();
  shortcuts();
  form.dataset.ready = "";
  if (form.dataset.early !== undefined) void send(); // see early.js
}
