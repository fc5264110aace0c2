// @ts-check
/**
 * Where an arrow key leads from a node: along the edges, or to the one beside it. Pure: knows no page. Used by drawing.js.
 *
 * @typedef {{x: number, y: number}} Place
 * @typedef {{places: Map<string, Place>, edges: {from: string, to: string}[], downwards: boolean}} Map2 what layout.js made
 */

/** Of some nodes the one nearest to a place. @param {string[]} ids @param {Place} at @param {Map<string, Place>} places */
function nearest(ids, at, places) {
  let [found, least] = [/** @type {string | undefined} */ (undefined), Infinity];
  for (const id of ids) {
    const place = places.get(id);
    const distance = place ? Math.hypot(place.x - at.x, place.y - at.y) : Infinity;
    if (distance < least) [found, least] = [id, distance];
  }
  return found;
}

/** Those on one side of a place, within an angle of 45 degrees; if there are none, all on that side.
 * @param {Map<string, Place>} places @param {Place} at @param {(from: Place, to: Place) => [number, number]} seen ahead, aside */
function beside(places, at, seen) {
  const ahead = [...places].map(([id, place]) => /** @type {const} */ ([id, ...seen(at, place)])).filter(([, far]) => far > 0);
  const straight = ahead.filter(([, far, aside]) => Math.abs(aside) <= far);
  return (straight.length ? straight : ahead).map(([id]) => id);
}

/** @type {Record<string, (from: Place, to: Place) => [number, number]>} */
const SIDES = {
  ArrowLeft: (from, to) => [from.x - to.x, to.y - from.y],
  ArrowRight: (from, to) => [to.x - from.x, to.y - from.y],
  ArrowUp: (from, to) => [from.y - to.y, to.x - from.x],
  ArrowDown: (from, to) => [to.y - from.y, to.x - from.x],
};

/** The node that a key leads to; undefined: none. @param {string} id @param {string} key @param {Map2} drawn */
export function towards(id, key, { places, edges, downwards }) {
  const at = places.get(id);
  if (key === "Home") return [...places.keys()][0];
  if (key === "End") return [...places.keys()].at(-1);
  if (!at || !SIDES[key]) return undefined;
  const [back, forth] = downwards ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
  if (key === forth) return nearest(edges.filter(({ from }) => from === id).map(({ to }) => to), at, places);
  if (key === back) return nearest(edges.filter(({ to }) => to === id).map(({ from }) => from), at, places);
  return nearest(beside(places, at, SIDES[key]), at, places);
}
