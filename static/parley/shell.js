// @ts-check
/** What every page does: times in the reader's own zone and language; menus close when one looks elsewhere. */

import { localize } from "./elements.js";

document.querySelectorAll("time[datetime]").forEach((time) => localize(/** @type {HTMLTimeElement} */ (time)));

const openMenus = () => /** @type {NodeListOf<HTMLDetailsElement>} */ (document.querySelectorAll("details.menu[open]"));
document.addEventListener("click", ({ target }) => {
  for (const menu of openMenus()) if (!(target instanceof Node && menu.contains(target))) menu.open = false;
});
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape") return;
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }
});
