// @ts-check
/**
 * An answer as it is written. Blocks that are finished are made prose by the server, each once; what follows them is
 * plain text, which grows by one append per frame. So what has been read does not move.
 */

import { finished } from "./blocks.js";
import { element } from "./elements.js";
import { elementsOf, textOf } from "./html.js";
import { keepingTheEnd, log, page } from "./log.js";
import { csrf } from "./send.js";

const PAUSE = 400; // milliseconds between two requests

/** The texts that grow, by the bubble they grow in. @type {WeakMap<HTMLElement, Growing>} */
const growing = new WeakMap();

class Growing {
  /** @param {HTMLElement} bubble */
  constructor(bubble) {
    this.text = "";
    this.done = 0; // so much of it is prose
    this.from = 0; // where the plain text begins that is shown
    this.due = 0;
    this.framed = this.asking = false;
    this.prose = element("div", "grown");
    this.tail = element("div", "text growing", "");
    this.letters = document.createTextNode("");
    this.tail.append(this.letters);
    bubble.querySelector(":scope > .text")?.replaceWith(this.prose, this.tail);
  }

  /** @param {string} text all of it so far */
  grow(text) {
    if (!text.startsWith(this.text)) this.restart();
    this.text = text;
    if (this.framed) return;
    this.framed = true;
    requestAnimationFrame(() => this.show());
  }

  restart() {
    this.prose.replaceChildren();
    this.letters.data = "";
    this.text = "";
    this.done = this.from = 0;
  }

  /** One append per frame. */
  show() {
    this.framed = false;
    const shown = this.from + this.letters.length;
    keepingTheEnd(() => this.letters.appendData(this.text.slice(shown)));
    if (!this.asking && performance.now() >= this.due) void this.finish();
  }

  /** Have what is finished made prose; where that fails it stays plain. */
  async finish() {
    const text = this.text;
    const rest = text.slice(this.done);
    const { end: length, fenced } = finished(rest);
    this.due = performance.now() + PAUSE;
    this.tail.classList.toggle("fenced", fenced);
    if (!length) return;
    this.asking = true;
    try {
      const made = elementsOf(await textOf(String(log.dataset.markupUrl), { method: "POST", headers: { "X-CSRFToken": csrf(String(page.dataset.csrf)) }, body: rest.slice(0, length) }));
      if (this.text.startsWith(text)) this.settle(made, length);
    } catch {
      this.due = performance.now() + 20 * PAUSE;
    }
    this.asking = false;
  }

  /** @param {HTMLElement[]} made @param {number} length of the text it was made of */
  settle(made, length) {
    keepingTheEnd(() => {
      this.prose.append(...made.flatMap((one) => [...one.childNodes]));
      this.prose.className = "grown prose";
      this.done += length;
      this.letters.data = this.text.slice(this.done);
      this.from = this.done;
    });
  }
}

/** More of an answer. @param {HTMLElement} bubble @param {string} text all of it so far */
export function grow(bubble, text) {
  const known = growing.get(bubble) ?? new Growing(bubble);
  growing.set(bubble, known);
  known.grow(text);
}

/** Another try begins: what was said is void. @param {HTMLElement} bubble */
export const restart = (bubble) => growing.get(bubble)?.restart();

/** Whether something of an answer is shown. @param {HTMLElement} bubble */
export const isGrowing = (bubble) => Boolean(growing.get(bubble)?.text);
