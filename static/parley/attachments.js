// @ts-check
/** Pictures and files that are put to a message: pasted, dropped or chosen, kept as artifacts, shown as chips. A model is
 * shown pictures and reads texts; of other files it is told the name. Used by composer.js. */

import { sent, tell } from "./asking.js";
import { page, part, session } from "./log.js";

/** @typedef {{name: string, size: number, part: any}} Kept a file that the server has, as it goes with the message */

const SEEN = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
const READ = 200_000; // bytes of a text that goes along as it is
const SCHEME = "artifact:";

/** @param {number} bytes */
const sized = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

/** A name that is no path and hides nothing. @param {string} name */
const safe = (name) => name.replace(/[/\\\p{C}]|\.{2,}/gu, "-").replace(/^[.\s]+|\s+$/g, "").slice(-200) || "file";

/** The file as a text, where it is one. @param {File} file @returns {Promise<string | null>} */
async function textIn(file) {
  if (file.size > READ || /^(image|audio|video|font)\//.test(file.type)) return null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

/** A fence that the text itself does not have. @param {string} text */
function fenced(text) {
  const longest = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text.replace(/\n$/, "")}\n${fence}`;
}

/** Keep it, and say how it goes with the message. @param {File} file */
async function keep(file) {
  const text = await textIn(file);
  const name = safe(file.name);
  const type = file.type || (text === null ? "application/octet-stream" : "text/plain");
  const body = file.type === type ? file : file.slice(0, file.size, type);
  const { id } = await sent(`${page.dataset.artifactsUrl}?name=${encodeURIComponent(name)}`, body);
  tell("");
  if (SEEN.has(type)) return { type: "image", url: SCHEME + id, alt_text: name };
  if (text !== null) return { type: "text", text: `${name}:\n${fenced(text)}\n\n` };
  return { type: "text", text: `[${name}, ${sized(file.size)}, is kept with this session as artifact ${id}]\n\n` };
}

/** Why a file is not taken, or "". @param {File} file @param {DOMStringMap} words */
function refused(file, words) {
  const largest = Number(SEEN.has(file.type) ? words.largestImage : words.largest);
  if (!file.size) return String(words.empty).replace("%s", file.name);
  if (file.size > largest) return String(words.tooLarge).replace("%s", file.name).replace("%s", sized(largest));
  return "";
}

/** @param {() => void} changed called when what is kept is another */
export function attachments(changed) {
  const [form, list] = [part(".composer"), part("[data-attached]")];
  const template = /** @type {HTMLTemplateElement} */ (part("template[data-file]"));
  /** @type {Map<HTMLElement, Kept | null>} */
  const kept = new Map();
  /** @type {Set<Promise<unknown>>} */
  const coming = new Set();

  /** @param {string} name @param {number} size */
  const chipOf = (name, size) => {
    const chip = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
    const drop = /** @type {HTMLElement} */ (chip.querySelector("[data-drops]"));
    within(chip, ".name").textContent = name;
    within(chip, ".size").textContent = sized(size);
    drop.setAttribute("aria-label", String(drop.dataset.says).replace("%s", name));
    drop.addEventListener("click", () => {
      remove(chip);
      part(".composer textarea").focus();
    });
    list.append(chip);
    kept.set(chip, null);
    return chip;
  };
  const remove = (/** @type {HTMLElement} */ chip) => {
    chip.remove();
    kept.delete(chip);
    changed();
  };
  /** @param {HTMLElement} chip @param {Kept} what */
  const done = (chip, what) => {
    if (!kept.has(chip)) return; // taken off meanwhile
    chip.removeAttribute("aria-busy");
    kept.set(chip, what);
    if (what.part.type === "image") preview(chip, what.part.url);
    changed();
  };
  /** @param {File} file */
  const add = async (file) => {
    const why = refused(file, form.dataset);
    if (why) return tell(why);
    const chip = chipOf(file.name, file.size);
    chip.setAttribute("aria-busy", "true");
    const upload = keep(file)
      .then((part) => done(chip, { name: file.name, size: file.size, part }))
      .catch((error) => {
        remove(chip);
        tell(String(form.dataset.refused).replace("%s", file.name).replace("%s", error.message));
      });
    coming.add(upload);
    await upload;
    coming.delete(upload);
  };
  catchFiles((files) => files.forEach((file) => void add(file)));
  return {
    all: () => /** @type {Kept[]} */ ([...kept.values()].filter(Boolean)),
    come: () => Promise.all(coming),
    /** @param {Kept[]} before */
    restore: (before) => before.forEach((one) => done(chipOf(one.name, one.size), one)),
    clear: () => [...kept.keys()].forEach(remove),
  };
}

/** @param {HTMLElement} chip @param {string} selector */
const within = (chip, selector) => /** @type {HTMLElement} */ (chip.querySelector(selector));

/** @param {HTMLElement} chip @param {string} url `artifact:` and its id */
function preview(chip, url) {
  const image = document.createElement("img");
  image.alt = "";
  image.src = `${String(page.dataset.contentUrl).replace(session, url.slice(SCHEME.length))}?inline`;
  within(chip, ".picture").replaceChildren(image);
}

/** Files come by pasting, dropping on the page, or by choice. @param {(files: File[]) => void} take */
function catchFiles(take) {
  const chooser = /** @type {HTMLInputElement} */ (part("[data-files]"));
  const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") ?? false;
  part("[data-attach]").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    take([...(chooser.files ?? [])]);
    chooser.value = "";
  });
  part(".composer textarea").addEventListener("paste", (event) => {
    const carried = /** @type {ClipboardEvent} */ (event).clipboardData;
    if (!carried?.files.length || carried.types.includes("text/plain")) return; // a table is a picture, too
    event.preventDefault();
    take([...carried.files]);
  });
  for (const kind of ["dragenter", "dragover"])
    page.addEventListener(kind, (event) => {
      if (!hasFiles(/** @type {DragEvent} */ (event))) return;
      event.preventDefault();
      page.toggleAttribute("data-dropping", true);
    });
  page.addEventListener("dragleave", (event) => {
    if (!(event.relatedTarget instanceof Node) || !page.contains(event.relatedTarget)) page.removeAttribute("data-dropping");
  });
  page.addEventListener("drop", (event) => {
    page.removeAttribute("data-dropping");
    if (!hasFiles(event)) return;
    event.preventDefault();
    take([...(event.dataTransfer?.files ?? [])]);
  });
}
