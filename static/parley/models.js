// @ts-check
/** Another provider has other models. Used by begin.js and dialogs.js. @param {HTMLSelectElement} provider
 * @param {string} name of the field of the model */
export function chooseModels({ form, value }, name) {
  const list = `models-${value}`;
  const model = /** @type {HTMLInputElement} */ (form?.elements.namedItem(name));
  const known = document.querySelectorAll(`#${CSS.escape(list)} option`);
  model.setAttribute("list", list);
  model.value = known.length === 1 ? /** @type {HTMLOptionElement} */ (known[0]).value : "";
}
