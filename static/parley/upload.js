// @ts-check
/** Sends a file and tells how far it is. Used by import.js and files.js; `fetch` tells nothing of what it has sent. */

import { Unsent, csrf } from "./send.js";
import { translate } from "./words.js";

/** What a refusal says to a person. @param {XMLHttpRequest} request */
function detail(request) {
  try {
    const problem = JSON.parse(request.responseText);
    const errors = (problem.errors ?? []).map((/** @type {any} */ one) => `${one.pointer ?? ""} ${one.detail}`.trim());
    return [String(problem.detail ?? problem.title), ...errors].join(" ");
  } catch {
    return translate("The server answered {status}", { status: `${request.status} ${request.statusText}`.trim() });
  }
}

/**
 * Post a file as the body. Resolves with the answer's JSON; rejects with an Unsent that says why not.
 * @param {string} url @param {Blob} file @param {{type: string, csrf: string, key?: string, signal?: AbortSignal,
 *   onProgress?: (share: number) => void}} options `share` goes from 0 to 1
 * @returns {Promise<any>}
 */
export function upload(url, file, options) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("Content-Type", options.type);
    request.setRequestHeader("X-CSRFToken", csrf(options.csrf));
    if (options.key) request.setRequestHeader("Idempotency-Key", options.key);
    request.upload.onprogress = ({ loaded, total }) => options.onProgress?.(total ? loaded / total : 0);
    request.upload.onload = () => options.onProgress?.(1);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(new Unsent(detail(request), request.status));
    };
    request.onerror = () => reject(new Unsent(translate("The server cannot be reached."), 0));
    request.onabort = () => reject(new Unsent(translate("Stopped."), 0));
    options.signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/** Take files that are dropped on an element, or chosen. @param {HTMLElement} place @param {HTMLInputElement} input
 * @param {(files: File[]) => void} onFiles */
export function takeFiles(place, input, onFiles) {
  for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault()); // a near miss must not leave the page
  const over = (/** @type {boolean} */ on) => place.classList.toggle("over", on);
  place.addEventListener("dragover", () => over(true));
  place.addEventListener("dragleave", () => over(false));
  place.addEventListener("drop", ({ dataTransfer }) => {
    over(false);
    const files = [...(dataTransfer?.files ?? [])];
    if (files.length) onFiles(files);
  });
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    input.value = ""; // the same file may be chosen again
    if (files.length) onFiles(files);
  });
}

const UNITS = ["B", "KB", "MB", "GB"];

/** @param {number} bytes */
export function size(bytes) {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < UNITS.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}
