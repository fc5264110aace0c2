// @ts-check
/**
 * The lines of the log as elements: the same that templates/sessions/entry.html makes. Text only ever by textContent.
 *
 * @typedef {{message_id: string, role: string, content: any[], tool_calls?: any[], metadata?: Record<string, any>,
 *   run_id?: string | null, position: number, when: string}} Said
 */

import { element, localize } from "./elements.js";

/** A button that runs a command about the run, or the tool call, it stands in. @param {string} label
 * @param {string} command @param {Record<string, string>} [more] data attributes */
export function button(label, command, more = {}) {
  const made = /** @type {HTMLButtonElement} */ (element("button", "quiet", label));
  made.type = "button";
  Object.assign(made.dataset, { command, ...more });
  return made;
}

/** Keys in order, as the server writes them. @param {any} value @returns {any} */
function ordered(value) {
  if (Array.isArray(value)) return value.map(ordered);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, ordered(value[key])]));
}

/** A part's label and text; sessions_app/pages/transcript.py says the same. @param {any} part @returns {[string, string]} */
export function shown(part) {
  switch (part.type) {
    case "text":
      return ["", part.text];
    case "image":
      return ["image", [part.alt_text, part.url].filter(Boolean).join(" ")];
    case "tool_call":
      return [`tool call: ${part.name}`, JSON.stringify(ordered(part.args), null, 2)];
    case "tool_result":
      return ["tool result", part.content];
    default:
      return [String(part.type), ""];
  }
}

/** @param {any[]} parts @param {string} className of labelled ones: "part", or "part call" for a message's own tool calls */
function bodies(parts, className) {
  return parts.map((part) => {
    const [label, text] = shown(part);
    const body = element("div", "text", text);
    if (!label) return body;
    const labelled = element("div", className);
    if (part.type === "tool_call") labelled.dataset.call = part.tool_call_id;
    labelled.append(element("span", "label", label), body);
    return labelled;
  });
}

/** @param {string} role @param {string} mark @param {string} [when] */
export function header(role, mark, when) {
  const made = document.createElement("header");
  made.append(element("span", "role", role));
  if (when) {
    const time = document.createElement("time");
    time.dateTime = when;
    localize(time);
    made.append(" ", time);
  }
  if (mark) made.append(" ", element("span", "mark", mark));
  return made;
}

/** Replace what stands in place of some parts; what is there already is left alone, and so is what cards were answered.
 * @param {HTMLElement} target @param {HTMLElement[]} made @param {string} selector of what it replaces */
function refill(target, made, selector) {
  const old = [...target.children].filter((child) => child.matches(selector));
  if (old.length === made.length && old.every((child, index) => child.isEqualNode(made[index]))) return;
  const next = old.at(-1)?.nextSibling ?? null;
  old.forEach((child) => child.remove());
  for (const child of made) {
    const before = old.find((one) => one instanceof HTMLElement && one.dataset.call && one.dataset.call === child.dataset.call);
    child.append(...(before?.querySelectorAll(".result, .decision") ?? []));
    target.insertBefore(child, next);
  }
}

/** Give a message, or the result in a card, another content. @param {HTMLElement} target @param {any[]} content */
export function setContent(target, content) {
  if (target.matches(".result")) target.replaceChildren(...bodies(content, "part").flatMap((body) => [...body.children]));
  else refill(target, bodies(content, "part"), ":not(header, .call, .actions, .editing)");
}

/** What can be done with a message. @param {string} role */
function controls(role) {
  const made = element("div", "actions");
  /** @param {string} label @param {string} begins */
  const add = (label, begins) => {
    const one = /** @type {HTMLButtonElement} */ (element("button", "quiet", label));
    one.type = "button";
    one.dataset.begins = begins;
    made.append(one);
  };
  add("Fork from here", "fork-conversation");
  if (role === "assistant") add("Answer again", "regenerate-message");
  if (role === "user") add("Edit", "edit-message");
  return made;
}

/** What the metadata say about a message. What a fork shares was not replaced by what came after it began. @param {HTMLElement} target @param {Record<string, any>} [metadata] */
export function setMarks(target, metadata = {}) {
  const kept = target.dataset.shared !== undefined && target.dataset.superseded === undefined;
  const replaced = Boolean(metadata.superseded_by) && !kept;
  const marks = [metadata.incomplete && "incomplete", replaced && "replaced"].filter(Boolean).join(", ");
  target.toggleAttribute("data-superseded", replaced);
  const head = target.querySelector(":scope > header");
  head?.querySelector(".mark")?.remove();
  if (marks) head?.append(" ", element("span", "mark", marks));
}

/** A message; `target` is the open run it completes, kept in place so that nothing flashes.
 * @param {Said} said @param {HTMLElement} [target] */
export function message(said, target = element("article", "message")) {
  delete target.dataset.open;
  target.removeAttribute("aria-busy");
  target.querySelector(":scope > .actions")?.remove();
  Object.assign(target.dataset, { role: said.role, messageId: said.message_id, position: String(said.position) });
  if (said.run_id) target.dataset.runId = said.run_id;
  const head = header(said.role, "", said.when);
  const old = target.querySelector("header");
  if (old) old.replaceWith(head);
  else target.prepend(head);
  setMarks(target, said.metadata);
  setContent(target, said.content);
  const calls = (said.tool_calls ?? []).map((call) => ({ ...call, type: "tool_call" }));
  refill(target, bodies(calls, "part call"), ".call");
  target.append(controls(said.role));
  return target;
}

/** What a tool answered, in the card of its call. @param {HTMLElement} card @param {Said} said */
export function answer(card, said) {
  card.querySelector(".decision")?.remove();
  const result = element("div", "result");
  result.dataset.messageId = said.message_id;
  setContent(result, said.content);
  card.append(result);
}
