// @ts-check
/** What the forms that begin a graph have in common: check what was written, start it once, say what is wrong. */

import { money } from "./details.js";
import { element } from "./elements.js";
import { post, uuid } from "./send.js";
import { translate, translateMany } from "./words.js";

/** @typedef {(dry: boolean) => object} Written what was written, as REST takes it; throws an Error that says what is wrong */

/** What a dry run says: the order, step by step, and what it may cost. @param {any} answer */
function planOf({ nodes, steps, tokens, cost }) {
  const list = element("ol", "steps");
  for (let step = 1; step <= steps; step += 1) {
    const keys = nodes.filter((/** @type {any} */ node) => node.step === step).map((/** @type {any} */ node) => node.key);
    list.append(element("li", "", keys.join(", ")));
  }
  const sums = {
    nodes: translateMany("{count} node", "{count} nodes", nodes.length),
    steps: translateMany("{count} step", "{count} steps", steps),
    tokens: Number(tokens).toLocaleString(),
    cost: money(cost),
  };
  return [element("p", "", translate("{nodes} in {steps}; at most about {tokens} tokens, cost {cost}.", sums)), list];
}

export class Starter {
  /** @param {HTMLFormElement} form @param {HTMLElement} page @param {Written} written */
  constructor(form, page, written) {
    this.form = form;
    this.page = page;
    this.written = written;
    this.key = "";
    form.addEventListener("input", () => this.forget());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.ask(false);
    });
    this.part("check").addEventListener("click", () => form.reportValidity() && void this.ask(true));
  }

  /** @param {string} name @returns {HTMLElement} */
  part(name) {
    return /** @type {HTMLElement} */ (this.form.querySelector(`[data-${name}]`));
  }

  /** What is written now is another graph. */
  forget() {
    this.key = "";
  }

  /** @param {unknown} error "" when it is over */
  tell(error) {
    const problem = this.part("problem");
    problem.textContent = error instanceof Error ? error.message : String(error);
    problem.hidden = !error;
  }

  /** @param {boolean} dry */
  async ask(dry) {
    const buttons = [this.part("start"), this.part("check")].map((one) => /** @type {HTMLButtonElement} */ (one));
    this.tell("");
    this.part("plan").replaceChildren();
    buttons.forEach((button) => (button.disabled = true));
    try {
      const body = { ...this.written(dry), ...(dry ? { dry_run: true } : {}) };
      this.key ||= uuid(); // kept after a failure: the server may have begun it although we never heard so
      const onRetry = (/** @type {string} */ why) => this.tell(translate("{why} Trying again…", { why }));
      const options = { key: dry ? uuid() : this.key, csrf: String(this.page.dataset.csrf), onRetry };
      const answer = await post(String(this.page.dataset.graphsUrl), body, options);
      this.tell("");
      if (answer.steps) this.part("plan").replaceChildren(...planOf(answer));
      else location.assign(`${location.pathname}${answer.id}/`);
    } catch (error) {
      this.tell(error instanceof SyntaxError ? translate("This is not JSON: {why}", { why: error.message }) : error);
    }
    buttons.forEach((button) => (button.disabled = false));
  }
}
