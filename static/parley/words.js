// @ts-check
/** What scripts say to people, in the page's language (the catalogue comes with the page; without one it is English). */

/** @typedef {{gettext?: (text: string) => string, ngettext?: (one: string, many: string, count: number) => string}} Catalogue */

const catalogue = /** @type {Catalogue} */ (globalThis);

/** @param {string} text @param {Record<string, string | number>} values */
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));

/** `translate("Caught up to v{version}", {version: 61})`. @param {string} text @param {Record<string, string | number>} [values] */
export const translate = (text, values = {}) => filled(catalogue.gettext?.(text) ?? text, values);

/** `translateMany("{count} message", "{count} messages", 3)`. @param {string} one @param {string} many @param {number} count */
export const translateMany = (one, many, count) =>
  filled(catalogue.ngettext?.(one, many, count) ?? (count === 1 ? one : many), { count });
