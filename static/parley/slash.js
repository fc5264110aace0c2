// @ts-check
/** The commands of the box: `/` opens a list, chosen from by keys or pointer. Used by composer.js. */

import { command, tell } from "./asking.js";
import { AT_THE_END } from "./forks.js";
import { rename } from "./heading.js";
import { conversation, page, part } from "./log.js";
import { translate } from "./words.js";

/** The session's other views are commands, too. @param {HTMLElement} list */
function addViews(list) {
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (page.querySelectorAll(".tabs a:not([aria-current])"))) {
    const name = link.pathname.split("/").filter(Boolean).at(-1) ?? "";
    if (list.querySelector(`#slash-${CSS.escape(name)}`)) continue;
    const option = document.createElement("li");
    const shown = document.createElement("b");
    option.setAttribute("role", "option");
    option.id = `slash-${name}`;
    option.dataset.goes = link.href;
    shown.textContent = `/${name}`;
    option.append(shown, ` ${link.textContent?.trim()}`);
    list.lastElementChild?.before(option);
  }
}

/** @param {HTMLTextAreaElement} box @param {(text: string) => void} write puts another text into the box */
export function slash(box, write) {
  const list = part("[data-slash]");
  addViews(list);
  const options = /** @type {HTMLElement[]} */ ([...list.children]);
  const nameOf = (/** @type {HTMLElement} */ option) => option.id.replace("slash-", "");
  const offered = () => options.filter((option) => !option.hidden);
  /** @type {HTMLElement | undefined} */
  let active;

  /** @param {HTMLElement | undefined} option */
  const choose = (option) => {
    active = option;
    for (const one of options) one.setAttribute("aria-selected", String(one === option));
    if (option) box.setAttribute("aria-activedescendant", option.id);
    else box.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  };
  const close = () => {
    list.hidden = true;
    choose(undefined);
  };
  const refresh = () => {
    const [, word, space] = /^\/([a-z-]*)( ?)[^\n]*$/.exec(box.value) ?? [];
    for (const option of options) {
      const name = nameOf(option);
      option.hidden = word === undefined || (space ? name !== word || option.dataset.takes === undefined : !name.startsWith(word));
    }
    list.hidden = !offered().length;
    choose(list.hidden ? undefined : offered()[0]);
  };
  /** @param {HTMLElement} option */
  const run = async (option) => {
    const said = box.value.replace(/^\/\S*\s*/, "").trim();
    close();
    if (option.dataset.does === "help") return write("/");
    write("");
    try {
      await act(option, said);
    } catch (error) {
      tell(error);
    }
  };

  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the box keeps the focus
  list.addEventListener("click", ({ target }) => {
    const option = target instanceof Element ? target.closest("[role=option]") : null;
    if (option) void run(/** @type {HTMLElement} */ (option));
  });
  box.addEventListener("blur", close);
  return {
    refresh,
    /** Whether the key was meant for the list. @param {KeyboardEvent} event */
    takes(event) {
      if (list.hidden || !active || event.isComposing) return false;
      const steps = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1 });
      if (event.key in steps) choose(offered().at((offered().indexOf(active) + steps[event.key]) % offered().length));
      else if (event.key === "Escape") close();
      else if (event.key === "Enter" || event.key === "Tab") void run(active);
      else return false;
      event.preventDefault();
      event.stopPropagation();
      return true;
    },
  };
}

/** @param {HTMLElement} option @param {string} said after the command */
async function act({ dataset }, said) {
  if (dataset.takes !== undefined && said) return rename(said);
  if (dataset.goes) location.assign(dataset.goes);
  if (dataset.presses) part(dataset.presses).click();
  if (dataset.does === "compact") await command("compact-context", { conversation_id: conversation });
  if (dataset.does && dataset.does in AT_THE_END && !AT_THE_END[dataset.does]()) tell(translate("There is nothing yet."));
}
