// @ts-check
/** Posts a message once, however often the network fails: the same Idempotency-Key until the server has answered. */

import { translate } from "./words.js";

const TRIES = 6;
const AGAIN = new Set([429, 502, 503, 504]);

/** A random UUID; `randomUUID` is missing where the page came by plain http from another machine. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** The cookie's token if it can be read (a login in another tab changes it), else the page's. @param {string} given */
export function csrf(given) {
  return /(?:^|;\s*)csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? given;
}

/** @param {number} seconds */
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Without a network there is nothing to try. */
const network = () =>
  navigator.onLine ? Promise.resolve() : new Promise((resolve) => window.addEventListener("online", resolve, { once: true }));

/** There will be no answer, or it was no; `status` 0: never heard. */
export class Unsent extends Error {
  /** @param {string} why @param {number} status */
  constructor(why, status) {
    super(why);
    this.status = status;
  }
}

/** What a refusal says to a person. @param {Response} response */
async function detail(response) {
  try {
    const problem = await response.json();
    return String(problem.detail ?? problem.title);
  } catch {
    return translate("The server answered {status}", { status: `${response.status} ${response.statusText}`.trim() });
  }
}

/** What REST answers to a question. Rejects with an Unsent that says why there is no answer. @param {string} url */
export async function read(url) {
  const answer = await fetch(url, { credentials: "same-origin", cache: "no-store" }).catch(() => null);
  if (!answer) throw new Unsent(translate("The server cannot be reached."), 0);
  if (!answer.ok) throw new Unsent(translate("The server answered {status}.", { status: answer.status }), answer.status);
  return answer.json();
}

/**
 * Post `body`, JSON or a file, until there is an answer. Resolves with it; rejects with an Unsent that says why not.
 * @param {string} url @param {object | Blob} body @param {{key: string, csrf: string, onRetry: (why: string) => void}} options
 */
export async function post(url, body, options) {
  let [why, status] = ["", 0];
  const [type, content] = body instanceof Blob ? [body.type, body] : ["application/json", JSON.stringify(body)];
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    if (attempt) {
      options.onRetry(why);
      await pause(Math.min(8, 0.5 * 2 ** attempt) * (0.5 + Math.random() / 2));
    }
    await network();
    let response;
    try {
      const headers = { "Content-Type": type || "application/octet-stream", "X-CSRFToken": csrf(options.csrf), "Idempotency-Key": options.key };
      response = await fetch(url, { method: "POST", headers, body: content, credentials: "same-origin" });
      if (response.ok) return await response.json();
    } catch {
      [why, status] = [translate("The server cannot be reached."), 0];
      continue;
    }
    [why, status] = [await detail(response), response.status];
    if (!AGAIN.has(response.status)) break;
  }
  throw new Unsent(why, status);
}
