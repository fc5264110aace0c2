// @ts-check
/** Buttons that copy a text of the page: `<button data-copies="selector" data-done="Copied" hidden>`. */

document.querySelectorAll("[data-copies]").forEach((one) => {
  const button = /** @type {HTMLButtonElement} */ (one);
  const text = document.querySelector(String(button.dataset.copies))?.textContent ?? "";
  if (!navigator.clipboard) return; // not by plain http from another machine: one selects it
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = String(button.dataset.done);
  });
});
