// @ts-check
/** What all that follow something over a socket do alike. Used by live.js and account.js. */

const FIRST_DELAY = 500;
const LONGEST_DELAY = 15_000; // milliseconds

/** From this close code on one does not come back. */
export const STAY_AWAY = 4400;

export const openSocket = () => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/v1/`);

/** Milliseconds before another try; with jitter: thousands must not come back in the same instant. @param {number} failures */
export const delayAfter = (failures) => Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** failures) * (0.5 + Math.random() / 2);
