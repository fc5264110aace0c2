// @ts-check
/** The form that begins a graph of prompts: one, or several in parallel, each with its own variables, and if wanted a
 * last one about all the answers. Used by graphs.js. */

import { element } from "./elements.js";
import { read } from "./send.js";
import { translate } from "./words.js";

/** @typedef {{name: string, description: string, user: string, variables: string[] | null, problem: string | null}} Prompt as REST
 *   gives it */

const OWN = "text"; // the only field of a text of one's own
const LONG = new Set(["text", "texts"]);

/** What was written in a field: lists and objects as JSON, everything else as it stands. @param {string} name @param {string} value */
function valueOf(name, value) {
  if (!/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch (error) {
    const why = /** @type {Error} */ (error).message;
    throw new Error(translate("“{name}” begins like JSON, but is none: {why}", { name, why }));
  }
}

export class Prompts {
  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.form = form;
    /** @type {Prompt | null} */
    this.prompt = null;
    this.choice = /** @type {HTMLSelectElement} */ (this.part("prompt"));
    this.sets = this.part("sets");
    this.choice.addEventListener("change", () => void this.choose());
    this.part("more").addEventListener("click", () => this.add().querySelector("textarea")?.focus());
    this.sets.addEventListener("click", ({ target }) => {
      if (target instanceof Element && target.matches("[data-less]")) this.remove(/** @type {Element} */ (target.closest(".set")));
    });
    void this.choose();
  }

  /** @param {string} name @returns {HTMLElement} */
  part(name) {
    return /** @type {HTMLElement} */ (this.form.querySelector(`[data-${name}]`));
  }

  /** Another prompt: its fields are asked for anew. */
  async choose() {
    const name = this.choice.value;
    const described = this.part("described");
    described.textContent = "";
    this.prompt = null;
    if (name) {
      try {
        const address = String(this.form.dataset.promptUrl).replace(/name\/$/, `${encodeURIComponent(name)}/`);
        const prompt = await read(address);
        if (name !== this.choice.value) return; // another one was chosen meanwhile
        this.prompt = prompt;
        described.textContent = [this.prompt?.description, this.prompt?.problem].filter(Boolean).join(" ");
      } catch (error) {
        described.textContent = error instanceof Error ? error.message : String(error);
      }
    }
    this.sets.replaceChildren();
    this.add();
  }

  /** One more to be asked in parallel. */
  add() {
    const template = /** @type {HTMLTemplateElement} */ (this.form.querySelector("template[data-set]"));
    const set = /** @type {HTMLElement} */ (template.content.cloneNode(true)).firstElementChild;
    const fields = /** @type {HTMLElement} */ (set?.querySelector("[data-fields]"));
    const names = this.prompt ? [...(this.prompt.variables ?? [])] : [OWN];
    names.sort((one, other) => Number(LONG.has(other)) - Number(LONG.has(one)));
    for (const name of names) {
      const label = element("label", "field", "");
      const box = document.createElement("textarea");
      box.name = name;
      box.rows = LONG.has(name) ? 3 : 1;
      box.required = !this.prompt;
      label.append(element("span", "", this.prompt ? name : translate("Prompt")), box);
      fields.append(label);
    }
    if (!names.length) fields.append(element("p", "faint", translate("It has no variables.")));
    if (this.prompt) fields.append(element("p", "faint", translate("Leave empty what is not needed; lists are written as {example}.", { example: '["…", "…"]' })));
    this.sets.append(/** @type {Element} */ (set));
    this.number();
    return /** @type {HTMLElement} */ (set);
  }

  /** @param {Element} set */
  remove(set) {
    set.remove();
    this.number();
    this.part("more").focus();
  }

  /** Each says which it is; a single one cannot be removed. */
  number() {
    const sets = [...this.sets.children];
    const name = this.choice.value || translate("prompt");
    sets.forEach((set, index) => {
      /** @type {HTMLElement} */ (set.querySelector("legend")).textContent = sets.length > 1 ? `${name} ${index + 1}` : "";
      /** @type {HTMLElement} */ (set.querySelector("[data-less]")).hidden = sets.length < 2;
    });
  }

  /** What each is asked with. */
  asked() {
    return [...this.sets.children].map((set) => {
      const boxes = /** @type {NodeListOf<HTMLTextAreaElement>} */ (set.querySelectorAll("textarea"));
      if (!this.prompt) return boxes[0].value;
      const given = [...boxes].filter(({ value }) => value.trim()).map(({ name, value }) => [name, valueOf(name, value)]);
      return { name: this.prompt.name, variables: Object.fromEntries(given) };
    });
  }

  /** As REST takes it: a prompt, a parallel group, or (to be checked, or with a last prompt) a graph. @param {boolean} dry */
  written(dry) {
    const prompts = this.asked();
    const then = /** @type {HTMLTextAreaElement} */ (this.part("then")).value.trim();
    const name = /** @type {HTMLInputElement} */ (this.part("called")).value.trim() || this.choice.value;
    const most = Number(/** @type {HTMLInputElement} */ (this.part("at-once")).value);
    if (!dry && !then && prompts.length > 1) return { prompts, name, max_parallel: most };
    const stem = (this.choice.value || "prompt").replace(/[^A-Za-z0-9_]/g, "_").replace(/^(?=\d)/, "_");
    const nodes = prompts.map((prompt, index) => ({ key: prompts.length > 1 ? `${stem}_${index + 1}` : stem, prompt, dependencies: /** @type {string[]} */ ([]) }));
    if (then) nodes.push({ key: "then", prompt: then, dependencies: nodes.map(({ key }) => key) });
    return { nodes, name, max_parallel: most };
  }
}
