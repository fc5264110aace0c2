// @ts-check
/** The form that begins a session: another provider has other models. */

const form = /** @type {HTMLFormElement} */ (document.querySelector("form.new"));
const provider = /** @type {HTMLSelectElement} */ (form.elements.namedItem("provider"));
const model = /** @type {HTMLInputElement} */ (form.elements.namedItem("model"));

provider.addEventListener("change", () => {
  const id = `models-${provider.value}`;
  const known = document.querySelectorAll(`#${CSS.escape(id)} option`);
  model.setAttribute("list", id);
  model.value = known.length === 1 ? /** @type {HTMLOptionElement} */ (known[0]).value : "";
});
