// @ts-check
/**
 * The one module that follows a session: keeps the position, reconnects, puts growing texts together.
 * Used by chat.js and graph.js; speaks the protocol of docs/protocol.md.
 *
 * @typedef {{id: string, type: string, version: number, recorded_at: string, data: Record<string, any>}} Envelope
 * @typedef {{type: string, run_id?: string, attempt?: number, offset?: number, text?: string} & Record<string, any>} Notice
 * @typedef {{state: "connecting" | "live" | "waiting" | "ended", reason: string, code?: number, seconds?: number,
 *   version?: number}} Status
 * @typedef {{
 *   onEvent: (event: Envelope) => void,
 *   onNotice: (notice: Notice, growth: {text: string, added: string} | null) => void,
 *   onStatus: (status: Status) => void,
 * }} Listener
 */

import { saw } from "./seen.js";
import { STAY_AWAY, delayAfter, openSocket } from "./sockets.js";
import { translate } from "./words.js";

const SILENCE = 25_000; // milliseconds without a frame after which the server is asked whether it is there
const PATIENCE = 10_000; // and how long it has for its answer
const RESTORED = 4010;
const BEGIN = new Set(["run-started", "run-continued"]);
const END = new Set(["run-completed", "run-incomplete", "run-failed", "run-cancelled", "run-interrupted"]);

/** Texts that grow by deltas. Offsets count code points, as Python does; a string's length counts UTF-16 units. */
export class Texts {
  constructor() {
    /** @type {Map<string, {attempt: number, text: string, length: number}>} */
    this.growing = new Map();
    /** @type {Set<string>} */
    this.ended = new Set();
  }

  /**
   * Append what a delta brings beyond what is had; one of a later attempt begins the text anew. Null for a repeat, a
   * piece beyond a gap (the server sends the whole text with the next one), or a text that is over.
   * @param {Notice} delta
   */
  take({ run_id, attempt = 1, offset = 0, text: piece = "" }) {
    const run = String(run_id);
    if (this.ended.has(run)) return null;
    let had = this.growing.get(run) ?? { attempt, text: "", length: 0 };
    if (attempt < had.attempt) return null;
    if (attempt > had.attempt) had = { attempt, text: "", length: 0 };
    const points = Array.from(piece);
    if (offset > had.length || offset + points.length <= had.length) return null;
    const added = points.slice(had.length - offset).join("");
    const text = had.text + added;
    this.growing.set(run, { attempt, text, length: offset + points.length });
    return { text, added };
  }

  /** Begin a run's text anew, or forget it for good. @param {Envelope} event */
  follow({ type, data }) {
    const run = data.run_id;
    if (BEGIN.has(type) && data.attempt > (this.growing.get(run)?.attempt ?? 0))
      this.growing.set(run, { attempt: data.attempt, text: "", length: 0 });
    if (END.has(type)) {
      this.growing.delete(run);
      this.ended.add(run);
    }
  }
}

class Follower {
  /** @param {string} session @param {number} after @param {Listener} listener */
  constructor(session, after, listener) {
    this.session = session;
    this.last = after;
    this.listener = listener;
    this.texts = new Texts();
    this.failures = 0;
    this.stopped = false;
    this.heard = 0;
    this.asked = 0;
    /** What the log had when this connection began; until then it catches up. @type {number | null} */
    this.head = null;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.watch = setInterval(() => this.check(), 5_000);
    this.wake = () => document.visibilityState === "visible" && this.hurry();
    this.sleep = () => this.socket && this.drop(translate("You are offline")); // its own close may take minutes
    window.addEventListener("online", this.wake);
    window.addEventListener("offline", this.sleep);
    document.addEventListener("visibilitychange", this.wake);
    this.connect();
  }

  connect() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.listener.onStatus({ state: "connecting", reason: translate("Connecting…") });
    const socket = openSocket();
    this.socket = socket;
    this.head = null;
    this.asked = 0;
    this.heard = Date.now();
    const params = { session: this.session, after: this.last, presence: true };
    socket.onopen = () => socket.send(JSON.stringify({ id: "follow", method: "subscribe", params }));
    socket.onmessage = ({ data }) => socket === this.socket && this.receive(JSON.parse(data));
    socket.onclose = ({ code, reason }) => socket === this.socket && this.lost(code, reason);
  }

  /** @param {any} frame */
  receive(frame) {
    this.heard = Date.now();
    this.asked = 0;
    if (frame.event) this.event(frame.event);
    else if (frame.notice) this.notice(frame.notice);
    else if (frame.result?.reset) this.beginAnew();
    else if (frame.result?.subscription) this.begun(frame.result.head);
    else if (frame.id === "follow" && frame.error) this.refused(frame.error);
  }

  /** @param {number} head */
  begun(head) {
    this.head = head;
    if (this.last < head) this.listener.onStatus({ state: "connecting", reason: translate("Catching up…") });
    this.caughtUp();
  }

  caughtUp() {
    if (this.head === null || this.last < this.head) return;
    this.head = null;
    this.listener.onStatus({ state: "live", reason: translate("Connected"), version: this.last });
  }

  /** There is no such session (any more), or not for this person. @param {{status: number, detail?: string, title: string}} problem */
  refused({ status, detail, title }) {
    if (status >= 500) {
      this.drop(detail ?? title);
      return;
    }
    this.stop();
    this.listener.onStatus({ state: "ended", reason: detail ?? title, code: STAY_AWAY + (status % 100) });
  }

  /** @param {Envelope} event */
  event(event) {
    if (event.version <= this.last) return;
    if (event.version > this.last + 1) {
      this.drop(translate("The server left something out"));
      return;
    }
    this.last = event.version;
    if (document.visibilityState === "visible") saw(this.session, event.version);
    this.failures = 0; // it brought us on; greeting us and hanging up would not
    this.texts.follow(event);
    this.listener.onEvent(event);
    this.caughtUp();
  }

  /** @param {Notice} notice */
  notice(notice) {
    if (notice.type !== "run-delta") {
      this.listener.onNotice(notice, null);
      return;
    }
    const growth = this.texts.take(notice);
    if (growth) this.listener.onNotice(notice, growth);
  }

  /** The connection is gone. @param {number} code @param {string} reason */
  lost(code, reason) {
    this.socket = null;
    if (this.stopped) return;
    if (code === RESTORED) {
      this.beginAnew();
      return;
    }
    if (code >= STAY_AWAY) {
      this.stop();
      this.listener.onStatus({ state: "ended", reason: reason || translate("The server closed the connection ({code}).", { code }), code });
      return;
    }
    const delay = delayAfter(this.failures);
    this.failures += 1;
    this.timer = setTimeout(() => this.connect(), delay);
    this.listener.onStatus({ state: "waiting", reason: reason || translate("Connection lost"), code, seconds: delay / 1000 });
  }

  /** The log was restored or pruned: what is shown is not what it holds. */
  beginAnew() {
    this.stop();
    this.listener.onStatus({ state: "ended", reason: translate("The log has changed, loading it anew…"), code: RESTORED });
    location.reload();
  }

  /** End this connection ourselves and come back; its own close may take minutes on a dead line. @param {string} reason */
  drop(reason) {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.lost(1006, reason);
  }

  /** The network or the reader is back: no reason to wait, and a reason to doubt an old connection. */
  hurry() {
    if (this.timer !== undefined) this.connect();
    else if (this.socket?.readyState === WebSocket.OPEN) this.ask();
  }

  ask() {
    if (this.asked) return;
    this.asked = Date.now();
    this.socket?.send('{"id":"alive","method":"ping"}');
  }

  /** Now and then: does the other end still live? */
  check() {
    const now = Date.now();
    if (!this.socket || this.timer !== undefined) return;
    if (this.asked && now - this.asked > PATIENCE) this.drop(translate("The server does not answer"));
    else if (this.socket.readyState === WebSocket.OPEN && now - this.heard > SILENCE) this.ask();
    else if (this.socket.readyState === WebSocket.CONNECTING && now - this.heard > SILENCE) this.drop(translate("No connection"));
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    clearInterval(this.watch);
    window.removeEventListener("online", this.wake);
    window.removeEventListener("offline", this.sleep);
    document.removeEventListener("visibilitychange", this.wake);
    this.socket?.close(1000);
  }
}

/**
 * Follow a session from the version `after` on, across lost connections, until `stop()` or the server says to stay away.
 * @param {string} session @param {number} after @param {Listener} listener
 */
export function follow(session, after, listener) {
  const follower = new Follower(session, after, listener);
  return { stop: () => follower.stop(), position: () => follower.last };
}
