// @ts-check
/** The form that begins a session. */

import { chooseModels } from "./models.js";

const form = /** @type {HTMLFormElement} */ (document.querySelector("form.new"));
const provider = /** @type {HTMLSelectElement} */ (form.elements.namedItem("provider"));

provider.addEventListener("change", () => chooseModels(provider, "model"));
