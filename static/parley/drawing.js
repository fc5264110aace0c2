// @ts-check
/**
 * The drawing of a graph: nodes that are links, edges, zoom, and which node is looked at. Used by graph.js.
 *
 * @typedef {{id: string, key: string, state: string, dependencies: string[], attempt: number, run_id: string | null,
 *   conversation_id: string | null, message_id: string | null, code: string, reason: string, prompt: string | null,
 *   prompt_version: number | null, condition: string | null, join: string | number, provider: string, model: string,
 *   started_at: string | null, finished_at: string | null}} GraphNode as REST gives it
 */

import { towards } from "./arrows.js";
import { gestures } from "./gestures.js";
import { layout } from "./layout.js";
import { translate } from "./words.js";

const SPACE = "http://www.w3.org/2000/svg";
const SIDEWAYS = { width: 176, height: 48, between: 64, gap: 16, wrap: 24, downwards: false };
const DOWNWARDS = { width: 128, height: 48, between: 52, gap: 12, wrap: 3, downwards: true };
const LEGIBLE = 0.5; // below this scale nodes are colours without text
const MOST_MOVING = 150; // nodes: what moves in a larger drawing would have all of it painted again and again
const SCALES = { least: 0.06, most: 2, step: 1.35 };

/** A sign for each state, drawn in a box of 16 by 16, so that none depends on a colour or a font. @type {Record<string, string>} */
export const SIGNS = {
  blocked: "M8 2.5a5.5 5.5 0 1 0 .01 0Z",
  ready: "M8 2.5a5.5 5.5 0 1 0 .01 0ZM8 5v3l2 1.5",
  running: "M4.5 3l8.5 5-8.5 5Z",
  succeeded: "M2.5 8.5l3.7 3.7L13.5 4.5",
  failed: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  skipped: "M3 3.5L7.5 8 3 12.5M8.5 3.5L13 8l-4.5 4.5",
  cancelled: "M4 4h8v8H4Z",
};

/** @param {string} name @param {Record<string, string | number>} attributes @param {Element[]} children */
function shape(name, attributes, ...children) {
  const made = document.createElementNS(SPACE, name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, String(value)));
  made.append(...children);
  return /** @type {SVGElement} */ (made);
}

/** The sign of a state, to stand in a text. @param {string} state */
export function sign(state) {
  const path = shape("path", { class: "sign", d: SIGNS[state] ?? "" });
  return shape("svg", { viewBox: "0 0 16 16", class: "state-sign", "data-state": state, "aria-hidden": "true" }, path);
}

/** @type {Record<string, string>} */
const NAMES = {
  blocked: translate("blocked"),
  ready: translate("ready"),
  running: translate("running"),
  succeeded: translate("succeeded"),
  failed: translate("failed"),
  skipped: translate("skipped"),
  cancelled: translate("cancelled"),
};
/** A state as people call it. @param {string} state */
export const called = (state) => NAMES[state] ?? state;

/** @param {number} number */
export const attempted = (number) => translate("attempt {number}", { number });

/** @param {string} text @param {number} most characters */
const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** What is said of a node beneath its key. @param {GraphNode} node */
const stateOf = ({ state, attempt }) => (attempt > 1 ? `${called(state)} · ${attempted(attempt)}` : called(state));
/** The same where there is little room. @param {GraphNode} node */
const shortly = ({ state, attempt }) => (attempt > 1 ? `${called(state)} · ×${attempt}` : called(state));

export class Drawing {
  /** @param {HTMLElement} frame scrolls @param {{address: (node: GraphNode) => string | null,
   *   onLook: (id: string) => void}} options */
  constructor(frame, { address, onLook }) {
    this.frame = frame;
    this.address = address;
    this.onLook = onLook;
    /** @type {Map<string, SVGElement>} */
    this.nodes = new Map();
    /** @type {Map<string, SVGElement[]>} */
    this.edges = new Map();
    this.looked = "";
    /** @type {import("./arrows.js").Map2} */
    this.drawn = { places: new Map(), edges: [], downwards: false };
    this.narrow = false;
    this.scale = 1;
    this.fitted = true;
    this.size = { width: 0, height: 0 };
    this.svg = shape("svg", {});
    frame.append(this.svg);
    this.#listen();
  }

  /** Draw all anew. @param {GraphNode[]} nodes @param {boolean} downwards */
  draw(nodes, downwards) {
    this.narrow = downwards;
    const form = downwards ? DOWNWARDS : SIDEWAYS;
    const { width, height, places, edges } = layout(nodes, form);
    this.size = { width, height };
    this.drawn = { places, edges, downwards };
    this.svg.classList.toggle("still", nodes.length > MOST_MOVING);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.edges = new Map(nodes.map(({ id }) => [id, []]));
    const lines = edges.map(({ from, to, path }) => {
      const line = shape("path", { class: "edge", d: path, "data-from": from, "data-to": to });
      this.edges.get(from)?.push(line);
      this.edges.get(to)?.push(line);
      return line;
    });
    this.nodes = new Map(nodes.map((node) => [node.id, this.#node(node, places.get(node.id) ?? { x: 0, y: 0 }, form)]));
    this.svg.replaceChildren(shape("g", { "aria-hidden": "true" }, ...lines), ...this.nodes.values());
    nodes.forEach((node) => this.show(node));
    this.fit();
    this.look(this.looked);
  }

  /** @param {GraphNode} node @param {{x: number, y: number}} at @param {{width: number, height: number}} form */
  #node({ id, key }, { x, y }, { width, height }) {
    const label = shape("text", { x: 36, y: 21, class: "key" });
    label.textContent = cut(key, Math.floor((width - 44) / 7.6));
    return shape(
      "a",
      { class: "node", "data-node": id, tabindex: -1, transform: `translate(${x} ${y})` },
      shape("rect", { width, height, rx: 10 }),
      shape("path", { class: "sign", transform: "translate(12 16)", d: "" }),
      label,
      shape("text", { x: 36, y: 37, class: "about" }),
    );
  }

  /** A node as it is now. @param {GraphNode} node */
  show(node) {
    const made = this.nodes.get(node.id);
    if (!made) return;
    const address = this.address(node);
    made.dataset.state = node.state;
    made.querySelector(".sign")?.setAttribute("d", SIGNS[node.state] ?? "");
    const about = made.querySelector(".about");
    if (about) about.textContent = this.narrow ? shortly(node) : stateOf(node);
    made.setAttribute("aria-label", `${node.key}: ${stateOf(node)}`);
    if (address) made.setAttribute("href", address);
    else made.removeAttribute("href");
    made.setAttribute("role", address ? "link" : "img");
    for (const edge of this.edges.get(node.id) ?? []) this.#state(edge);
  }

  /** An edge is as its ends are. @param {SVGElement} edge */
  #state(edge) {
    const [from, to] = [edge.dataset.from, edge.dataset.to].map((id) => this.nodes.get(String(id))?.dataset.state);
    const left = from === "skipped" || to === "skipped";
    edge.dataset.state = left ? "skipped" : from === "succeeded" ? "done" : from === "failed" ? "failed" : "open";
  }

  /** Look at a node: it and its edges stand out, and the tab key leads to it. @param {string} id */
  look(id) {
    const mark = (/** @type {boolean} */ on) => {
      this.nodes.get(this.looked)?.setAttribute("tabindex", on ? "0" : "-1");
      this.nodes.get(this.looked)?.classList.toggle("looked", on);
      this.edges.get(this.looked)?.forEach((edge) => edge.classList.toggle("looked", on));
    };
    mark(false);
    this.looked = id;
    mark(true);
  }

  // -- zoom --------------------------------------------------------------------------------------------------------------

  /** The size on the screen; what the frame does not hold, it scrolls to. `at`: the point of the frame that stays.
   * @param {number} scale @param {{x: number, y: number}} [at] */
  zoom(scale, at = { x: this.frame.clientWidth / 2, y: this.frame.clientHeight / 2 }) {
    const next = Math.min(SCALES.most, Math.max(SCALES.least, scale));
    const ratio = next / this.scale;
    const [left, top] = [this.frame.scrollLeft, this.frame.scrollTop];
    this.scale = next;
    this.svg.setAttribute("width", String(this.size.width * next));
    this.svg.setAttribute("height", String(this.size.height * next));
    this.svg.classList.toggle("tiny", next < LEGIBLE);
    this.frame.scrollTo((left + at.x) * ratio - at.x, (top + at.y) * ratio - at.y);
    this.fitted = false;
  }

  /** Larger or smaller by a step. @param {1 | -1} way @param {{x: number, y: number}} [at] */
  step(way, at) {
    this.zoom(this.scale * SCALES.step ** way, at);
  }

  /** As large as fits, but not larger than life. */
  fit() {
    const { width, height } = this.size;
    const most = Number.parseFloat(getComputedStyle(this.frame).maxHeight) || Infinity;
    this.zoom(Math.min(1, this.frame.clientWidth / width || 1, most / height || 1));
    this.fitted = true;
  }

  // -- pointer and keys --------------------------------------------------------------------------------------------------

  #listen() {
    let tapped = false;
    const idOf = (/** @type {Event} */ { target }) =>
      target instanceof Element ? /** @type {SVGElement | null} */ (target.closest(".node"))?.dataset.node : undefined;
    const looking = (/** @type {Event} */ event) => {
      const id = idOf(event);
      if (id && id !== this.looked) this.onLook(id);
    };
    this.svg.addEventListener("pointerover", (event) => event.pointerType === "mouse" && looking(event));
    this.svg.addEventListener("pointerdown", (event) => {
      tapped = event.pointerType !== "mouse" && idOf(event) !== this.looked;
    });
    this.svg.addEventListener("focusin", looking);
    this.svg.addEventListener("click", (event) => {
      looking(event);
      if (tapped) event.preventDefault(); // fingers do not hover: the first tap looks, the second one goes
      tapped = false;
    });
    this.svg.addEventListener("keydown", (event) => this.#key(event, idOf(event) ?? this.looked));
    gestures(this.frame, (ratio, at) => this.zoom(this.scale * ratio, at));
    new ResizeObserver(() => this.fitted && this.fit()).observe(this.frame);
  }
  /** Arrows go along the edges, + and - zoom, 0 fits. @param {KeyboardEvent} event @param {string} id */
  #key(event, id) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const next = towards(id, event.key, this.drawn);
    if (next) this.nodes.get(next)?.focus();
    else if (event.key === "+" || event.key === "-") this.step(event.key === "+" ? 1 : -1);
    else if (event.key === "0") this.fit();
    else return;
    event.preventDefault();
  }
}
