// @ts-check
/**
 * Follows one's own list of sessions over the socket: `session-listed` and `session-unlisted`, across lost connections.
 *
 * @typedef {{id: string, title: string, provider: string, model: string, updated_at: string, message_count: number,
 *   is_active: boolean, version: number, role: string, owner: string | null, running: boolean, pinned: boolean, folder: string | null,
 *   tags: string[]}} Info
 * @typedef {{listed: (session: Info) => void, unlisted: (id: string) => void, live: () => void, lost: () => void}} Reader
 */

const FIRST_DELAY = 0.5;
const LONGEST_DELAY = 15;
const STAY_AWAY = 4400;

/** @param {Reader} reader `live`: subscribed (again); what changed before has to be read */
export function followAccount(reader) {
  let failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  function connect() {
    clearTimeout(timer);
    timer = undefined;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/v1/`);
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
    const ceiling = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** failures);
    failures += 1;
    timer = setTimeout(connect, ceiling * 1000 * (0.5 + Math.random() / 2)); // jitter: thousands must not come at once
  }

  const hurry = () => timer !== undefined && document.visibilityState === "visible" && connect();
  window.addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  connect();
}
