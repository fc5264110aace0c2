// @ts-check
/** The head of the session page: title, model, figures, menu. Used by chat.js. */

import { command, tell } from "./asking.js";
import { page, part } from "./log.js";
import { translate } from "./words.js";

/** @typedef {import("./live.js").Envelope} Envelope */

const CRITICAL = 0.8;

/** @param {any} metrics */
function showMetrics(metrics) {
  const used = metrics.context_utilization;
  const meter = /** @type {HTMLMeterElement} */ (part("[data-meter]"));
  part("[data-tokens]").textContent = String(metrics.total_tokens);
  part("[data-cost]").textContent = metrics.estimated_cost === null ? translate("unknown") : `$${Number(metrics.estimated_cost).toFixed(4)}`;
  part("[data-occupied]").textContent = used === null ? translate("unknown") : `${(used * 100).toFixed(0)}\u00a0%`;
  part("[data-critical]").hidden = used === null || used < CRITICAL;
  meter.hidden = used === null;
  meter.value = used ?? 0;
}

/** @param {string} title */
function showTitle(title) {
  const shown = part("[data-title]");
  shown.textContent = title || String(shown.dataset.untitled);
  document.title = `${shown.textContent} · Parley`;
}

/** @param {boolean} active */
function showActive(active) {
  part("[data-archived]").hidden = active;
  for (const choice of page.querySelectorAll("[data-when]"))
    /** @type {HTMLElement} */ (choice).hidden = (/** @type {HTMLElement} */ (choice).dataset.when === "active") !== active;
}

/** @param {string} name */
function showModel(name) {
  const shown = part("[data-model]");
  shown.textContent = name;
  if (shown.dataset.says) shown.setAttribute("aria-label", shown.dataset.says.replace("%s", name));
}

/** @type {Record<string, (event: Envelope) => void>} */
export const SHOW_SESSION = {
  "session-updated": ({ data: { updates } }) => {
    if (updates.title !== undefined) showTitle(updates.title);
    if (updates.is_active !== undefined) showActive(updates.is_active);
  },
  "session-config-updated": ({ data }) => showModel(`${data.config.provider}/${data.config.model}`),
  "token-metrics-updated": ({ data }) => showMetrics(data.metrics),
  "context-window-critical": () => {
    part("[data-critical]").hidden = false;
  },
};

/** Give the session another title. @param {string} title */
export async function rename(title) {
  const before = part("[data-title]").textContent ?? "";
  showTitle(title);
  try {
    await command("update-session", { title });
  } catch (error) {
    showTitle(before);
    tell(error);
  }
}

/** The title is changed where it stands: Enter or leaving it keeps it, Escape does not. */
function renaming() {
  const form = part("[data-renaming]");
  const button = part("[data-rename]");
  if (!form) return;
  const [shown, box] = [part("[data-title]"), /** @type {HTMLInputElement} */ (form.querySelector("input"))];
  const swap = (/** @type {boolean} */ editing) => {
    form.hidden = !editing;
    shown.hidden = button.hidden = editing;
  };
  const done = (/** @type {boolean} */ keep) => {
    if (form.hidden) return;
    swap(false);
    button.focus();
    const title = box.value.trim();
    if (keep && title && title !== shown.textContent) void rename(title);
  };
  const begin = () => {
    box.value = shown.textContent === shown.dataset.untitled ? "" : (shown.textContent ?? "");
    swap(true);
    box.select();
  };
  button.addEventListener("click", begin);
  shown.addEventListener("dblclick", begin);
  box.addEventListener("blur", () => done(true));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    done(true);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    done(false);
  });
}

/** The menu closes when something else is meant. */
function menu() {
  const list = /** @type {HTMLDetailsElement | null} */ (page.querySelector("[data-menu]"));
  if (!list) return;
  const close = () => {
    list.open = false;
  };
  document.addEventListener("click", ({ target }) => {
    if (target instanceof Element && !target.closest("[data-menu] > summary")) close();
  });
  list.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !list.open) return;
    event.stopPropagation();
    close();
    list.querySelector("summary")?.focus();
  });
}

export function heading() {
  renaming();
  menu();
}
