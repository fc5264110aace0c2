// @ts-check
/** What every page does: times in the reader's own zone and language. */

import { localize } from "./elements.js";

document.querySelectorAll("time[datetime]").forEach((time) => localize(/** @type {HTMLTimeElement} */ (time)));
