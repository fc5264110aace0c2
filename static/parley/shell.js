// @ts-check
/** What every page does: times in the reader's own zone and language, the menu, the theme, the map of keys. */

import { localize } from "./elements.js";
import { keys, map, want, wanted } from "./keys.js";
import { saw } from "./seen.js";

document.querySelectorAll("time[datetime]").forEach((time) => localize(/** @type {HTMLTimeElement} */ (time)));

const session = /** @type {HTMLElement | null} */ (document.querySelector("main[data-session][data-version]"));
if (session) saw(String(session.dataset.session), Number(session.dataset.version));

// -- the map of keys -------------------------------------------------------------------------------------------------

const dialog = /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog.keys"));

function showKeys() {
  if (!dialog) return;
  dialog.querySelector("[data-map]")?.replaceChildren(map());
  const box = /** @type {HTMLInputElement} */ (dialog.querySelector("[type=checkbox]"));
  box.checked = wanted();
  box.onchange = () => want(box.checked);
  dialog.showModal();
}

/** Follow a link of the page by its key. @param {string} selector */
const go = (selector) => () => /** @type {HTMLElement | null} */ (document.querySelector(selector))?.click();

if (dialog) {
  document.querySelectorAll("[data-shows-keys]").forEach((button) => button.addEventListener("click", showKeys));
  const { everywhere = "", map: said = "", sessions = "", settings = "" } = dialog.dataset;
  keys(everywhere, [["?", said, showKeys]]);
  if (document.querySelector(".account")) {
    keys(everywhere, [
      ["g s", sessions, go("[data-place=sessions]")],
      ["g e", settings, go("[data-place=settings]")],
    ]);
  }
}

// -- the menu --------------------------------------------------------------------------------------------------------

const menu = /** @type {HTMLDetailsElement | null} */ (document.querySelector("details.menu"));

document.addEventListener("click", ({ target }) => {
  if (menu?.open && target instanceof Node && !menu.contains(target)) menu.open = false;
});
menu?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu.open) return;
  menu.open = false;
  menu.querySelector("summary")?.focus();
});

// -- the theme -------------------------------------------------------------------------------------------------------

/** The same as the server does with the form; without a new page. @param {string} theme */
function setTheme(theme) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  document.documentElement.dataset.theme = theme;
  const scheme = document.querySelector("meta[name=color-scheme]");
  scheme?.setAttribute("content", theme === "system" ? "light dark" : theme);
  document.querySelectorAll("form.themes button").forEach((button) => {
    button.setAttribute("aria-pressed", String(/** @type {HTMLButtonElement} */ (button).value === theme));
  });
}

document.querySelectorAll("form.themes").forEach((form) => {
  form.addEventListener("submit", (event) => {
    const button = /** @type {SubmitEvent} */ (event).submitter;
    if (!(button instanceof HTMLButtonElement)) return;
    event.preventDefault();
    setTheme(button.value);
  });
});
