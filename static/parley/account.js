// @ts-check
/**
 * Follows one's own list of sessions over the socket: `session-listed` and `session-unlisted`, across lost connections.
 *
 * @typedef {{id: string, title: string, provider: string, model: string, updated_at: string, message_count: number,
 *   is_active: boolean, version: number, role: string, owner: string | null, running: boolean, pinned: boolean, folder: string | null,
 *   tags: string[]}} Info
 * @typedef {{listed: (session: Info) => void, unlisted: (id: string) => void, live: () => void, lost: () => void}} Reader
 */

import { STAY_AWAY, delayAfter, openSocket } from "./sockets.js";

/** @param {Reader} reader `live`: subscribed (again); what changed before has to be read */
export function followAccount(reader) {
  let failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  function connect() {
    clearTimeout(timer);
    timer = undefined;
    const socket = openSocket();
    socket.onopen = () => socket.send(JSON.stringify({ id: 1, method: "subscribe", params: { user: true, after: null } }));
    socket.onmessage = ({ data }) => receive(JSON.parse(data));
    socket.onclose = ({ code }) => again(code);
  }

  /** @param {any} frame */
  function receive({ result, notice }) {
    if (result?.subscription) {
      failures = 0;
      reader.live();
    } else if (notice?.type === "session-listed") reader.listed(notice.session);
    else if (notice?.type === "session-unlisted") reader.unlisted(notice.id);
  }

  /** @param {number} code */
  function again(code) {
    reader.lost();
    if (code >= STAY_AWAY) return;
    timer = setTimeout(connect, delayAfter(failures));
    failures += 1;
  }

  const hurry = () => timer !== undefined && document.visibilityState === "visible" && connect();
  window.addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  connect();
}
