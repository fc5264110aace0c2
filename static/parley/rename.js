// @ts-check
/** Renaming a session in its place in the list. Used by list.js. */

import { form } from "./rows.js";

/** The title becomes a field: Enter keeps it, Escape leaves it as it was. @param {HTMLElement} row
 * @param {(id: string, changes: object) => Promise<boolean>} update */
export function rename(row, update) {
  const name = /** @type {HTMLElement} */ (row.querySelector(".name"));
  const link = /** @type {HTMLElement} */ (name.closest("a"));
  if (row.querySelector(".renaming")) return;
  const box = document.createElement("input");
  const before = name.textContent ?? "";
  Object.assign(box, { className: "renaming", value: before, maxLength: 200, ariaLabel: form.dataset.title });
  link.before(box);
  link.hidden = true;
  let over = false;
  /** @param {boolean} keep */
  const end = (keep) => {
    if (over) return;
    over = true;
    const title = box.value.trim();
    box.remove();
    link.hidden = false;
    link.focus();
    if (!keep || title === before) return;
    name.textContent = title || String(form.dataset.untitled);
    void update(String(row.dataset.session), { title });
  };
  box.addEventListener("keydown", (event) => {
    if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
    event.preventDefault(); // the form around it is another matter
    end(event.key === "Enter");
  });
  box.addEventListener("blur", () => end(true));
  box.focus();
  box.select();
}
