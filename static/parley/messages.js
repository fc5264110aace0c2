// @ts-check
/**
 * The lines of the log as elements: the same that templates/sessions/entry.html makes. Text only ever by textContent.
 *
 * @typedef {{message_id: string, role: string, content: any[], tool_calls?: any[], metadata?: Record<string, any>,
 *   run_id?: string | null, position: number, when: string}} Said
 */

/** @param {string} name @param {string} className @param {string} [text] */
function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Keys in order, as the server writes them. @param {any} value @returns {any} */
function ordered(value) {
  if (Array.isArray(value)) return value.map(ordered);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, ordered(value[key])]));
}

/** A part's label and text; sessions_app/views.py (`shown`) says the same. @param {any} part @returns {[string, string]} */
function shown(part) {
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
    labelled.append(element("span", "label", label), body);
    return labelled;
  });
}

/** Show a time in the reader's own zone and language. @param {HTMLTimeElement} time */
export function localize(time) {
  time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** @param {string} role @param {string} mark @param {string} [when] */
function header(role, mark, when) {
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

/** An answer to come. @param {string} run @param {number} position */
export function openRun(run, position) {
  const made = element("article", "message");
  Object.assign(made.dataset, { role: "assistant", runId: run, position: String(position), open: "" });
  made.setAttribute("aria-busy", "true");
  made.append(header("assistant", "waiting for a worker…"), element("div", "text", ""));
  return made;
}

/** Something to say that is no message. @param {string} text @param {number} position */
export function note(text, position) {
  const made = element("p", "note", text);
  made.dataset.position = String(position);
  return made;
}

/** Replace what stands in place of some parts; what is there already is left alone.
 * @param {HTMLElement} target @param {HTMLElement[]} made @param {string} selector of what it replaces */
function refill(target, made, selector) {
  const old = [...target.children].filter((child) => child.matches(selector));
  if (old.length === made.length && old.every((child, index) => child.isEqualNode(made[index]))) return;
  const next = old.at(-1)?.nextSibling ?? null;
  old.forEach((child) => child.remove());
  made.forEach((child) => target.insertBefore(child, next));
}

/** Give a message another content. @param {HTMLElement} target @param {any[]} content */
export const setContent = (target, content) => refill(target, bodies(content, "part"), ":not(header, .call)");

/** A message; `target` is the open run it completes, kept in place so that nothing flashes.
 * @param {Said} said @param {HTMLElement} [target] */
export function message(said, target = element("article", "message")) {
  delete target.dataset.open;
  target.removeAttribute("aria-busy");
  Object.assign(target.dataset, { role: said.role, messageId: said.message_id, position: String(said.position) });
  if (said.run_id) target.dataset.runId = said.run_id;
  const head = header(said.role, said.metadata?.incomplete ? "interrupted" : "", said.when);
  const old = target.querySelector("header");
  if (old) old.replaceWith(head);
  else target.prepend(head);
  setContent(target, said.content);
  const calls = (said.tool_calls ?? []).map((call) => ({ ...call, type: "tool_call" }));
  refill(target, bodies(calls, "part call"), ".call");
  return target;
}
