// @ts-check
/** Buttons that copy a text of the page: `<button data-copies="selector" data-done="Copied" hidden>`. */

import { toClipboard } from "./clipboard.js";

document.querySelectorAll("[data-copies]").forEach((one) => {
  const button = /** @type {HTMLButtonElement} */ (one);
  const text = document.querySelector(String(button.dataset.copies))?.textContent ?? "";
  button.hidden = false;
  button.addEventListener("click", async () => {
    await toClipboard(text);
    button.textContent = String(button.dataset.done);
  });
});
