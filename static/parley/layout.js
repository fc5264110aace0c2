// @ts-check
/**
 * Where the nodes of a graph go: in layers by the longest way from a beginning, in an order of few crossings, near what
 * they are connected with. Pure: knows no page. Used by drawing.js.
 *
 * "Along" is the direction in which a graph runs (to the right, or downwards), "across" the other.
 *
 * @typedef {{id: string, dependencies: string[]}} Node
 * @typedef {{width: number, height: number, between: number, gap: number, wrap: number, downwards: boolean}} Shape
 *   the size of a node; how far layers are apart, and nodes in one; layers with more nodes than `wrap` become blocks
 * @typedef {{layer: number, size: number, before: Item[], after: Item[], across: number, column: number}} Item
 *   a node, or (of size 0) where an edge passes a layer
 * @typedef {{from: string, to: string, path: string}} Edge
 * @typedef {{width: number, height: number, places: Map<string, {x: number, y: number}>, edges: Edge[]}} Layout
 */

const MARGIN = 12;
const MOST_PASSES = 4_000; // edges of a graph that would pass more layers go straight, beneath what is in their way
const SWEEPS = 4;

/** The layer of each node: one more than the last of what it depends on. @param {Node[]} nodes @returns {Map<string, number>} */
export function layersOf(nodes) {
  const layers = new Map(nodes.map(({ id }) => [id, 0]));
  /** @type {Map<string, string[]>} */
  const after = new Map(nodes.map(({ id }) => [id, []]));
  const open = new Map(nodes.map(({ id, dependencies }) => [id, dependencies.filter((one) => layers.has(one)).length]));
  for (const { id, dependencies } of nodes) dependencies.forEach((one) => after.get(one)?.push(id));
  const free = nodes.filter(({ id }) => !open.get(id)).map(({ id }) => id);
  for (let index = 0; index < free.length; index += 1)
    for (const next of after.get(free[index]) ?? []) {
      layers.set(next, Math.max(layers.get(next) ?? 0, (layers.get(free[index]) ?? 0) + 1));
      open.set(next, (open.get(next) ?? 0) - 1);
      if (!open.get(next)) free.push(next);
    }
  return layers;
}

/** @param {number} layer @param {number} size @returns {Item} */
const item = (layer, size) => ({ layer, size, before: [], after: [], across: 0, column: 0 });

/** The items, layer by layer, and of each edge those it passes. @param {Node[]} nodes @param {number} size */
function itemsOf(nodes, size) {
  const layers = layersOf(nodes);
  const own = new Map(nodes.map(({ id }) => [id, item(layers.get(id) ?? 0, size)]));
  const rows = Array.from({ length: Math.max(-1, ...layers.values()) + 1 }, () => /** @type {Item[]} */ ([]));
  own.forEach((one) => rows[one.layer].push(one));
  const pairs = nodes.flatMap(({ id, dependencies }) => dependencies.filter((one) => own.has(one)).map((one) => [one, id]));
  const get = (/** @type {string} */ id) => /** @type {Item} */ (own.get(id));
  const passes = pairs.reduce((sum, [from, to]) => sum + get(to).layer - get(from).layer - 1, 0);
  const ways = pairs.map(([from, to]) => {
    const way = [get(from)];
    for (let layer = way[0].layer + 1; passes <= MOST_PASSES && layer < get(to).layer; layer += 1) {
      way.push(item(layer, 0));
      rows[layer].push(way[way.length - 1]);
    }
    way.push(get(to));
    way.slice(1).forEach((one, index) => (way[index].after.push(one), one.before.push(way[index])));
    return { from, to, way };
  });
  return { own, rows, ways };
}

/** @param {number[]} values @param {number} otherwise */
const mean = (values, otherwise) =>
  values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : otherwise;

/** Layers one way, then the other. @param {Item[][]} rows @param {(row: Item[], side: "before" | "after") => void} change */
function sweep(rows, change) {
  for (let turn = 0; turn < SWEEPS; turn += 1) {
    rows.forEach((row) => change(row, "before"));
    [...rows].reverse().forEach((row) => change(row, "after"));
  }
}

/** Each where its neighbours are on average, which leaves few crossings (the barycentre method). @param {Item[][]} rows */
function order(rows) {
  const number = (/** @type {Item[]} */ row) => row.forEach((one, index) => (one.across = index));
  rows.forEach(number);
  sweep(rows, (row, side) => {
    const wished = new Map(row.map((one) => [one, mean(one[side].map(({ across }) => across), one.across)]));
    row.sort((one, other) => (wished.get(one) ?? 0) - (wished.get(other) ?? 0));
    number(row);
  });
}

/** Centres as near as can be to those wished for, in order and apart: a pool of neighbours that are in each other's way
 * takes the mean of their wishes. @param {Item[]} row @param {number[]} wished @param {number} gap */
export function spread(row, wished, gap) {
  let sum = 0;
  const offsets = row.map(({ size }) => (sum += size + gap) - size / 2);
  /** @type {{sum: number, count: number}[]} */
  const pools = [];
  wished.forEach((wish, index) => {
    pools.push({ sum: wish - offsets[index], count: 1 });
    for (let [one, last] = pools.slice(-2); last && one.sum / one.count > last.sum / last.count; [one, last] = pools.slice(-2)) {
      pools.pop();
      one.sum += last.sum;
      one.count += last.count;
    }
  });
  const starts = pools.flatMap((pool) => Array.from({ length: pool.count }, () => pool.sum / pool.count));
  return starts.map((start, index) => start + offsets[index]);
}

/** A wide layer becomes a block of columns; what only passes it stays where it comes from.
 * @param {Item[]} row @param {Shape} shape */
function block(row, { wrap, gap, downwards }) {
  const real = row.filter(({ size }) => size);
  const high = Math.max(wrap, Math.ceil(Math.sqrt(real.length * (downwards ? 0.4 : 2.2))));
  const columns = Math.ceil(real.length / high);
  const length = Math.ceil(real.length / columns);
  real.forEach((one, index) => {
    const inColumn = Math.min(length, real.length - Math.floor(index / length) * length);
    one.column = Math.floor(index / length);
    one.across = ((index % length) - (inColumn - 1) / 2) * (one.size + gap);
  });
  row.filter(({ size }) => !size).forEach((one) => (one.across = mean(one.before.map(({ across }) => across), 0)));
}

/** Give every item its centre across. @param {Item[][]} rows @param {Shape} shape */
function place(rows, shape) {
  const wide = new Set(rows.filter((row) => row.filter(({ size }) => size).length > shape.wrap));
  const put = (/** @type {Item[]} */ row, /** @type {number[]} */ wished) =>
    spread(row, wished, shape.gap).forEach((centre, index) => (row[index].across = centre));
  rows.forEach((row) => put(row, row.map(() => 0)));
  sweep(rows, (row, side) => {
    if (wide.has(row)) block(row, shape);
    else put(row, row.map((one) => mean(one[side].map(({ across }) => across), one.across)));
  });
}

/** Where each layer begins and ends. @param {Item[][]} rows @param {Shape} shape @param {number} thickness of a node */
function bounds(rows, shape, thickness) {
  let from = MARGIN;
  return rows.map((row) => {
    const columns = 1 + Math.max(0, ...row.map(({ column }) => column));
    const to = from + columns * thickness + (columns - 1) * shape.gap;
    const bound = { from, to };
    from = to + shape.between;
    return bound;
  });
}

/** @param {Node[]} nodes @param {Shape} shape @returns {Layout} */
export function layout(nodes, shape) {
  const [thickness, size] = shape.downwards ? [shape.height, shape.width] : [shape.width, shape.height];
  const { own, rows, ways } = itemsOf(nodes, size);
  order(rows);
  place(rows, shape);
  const layers = bounds(rows, shape, thickness);
  const items = rows.flat();
  const least = items.reduce((found, one) => Math.min(found, one.across - one.size / 2), Infinity);
  const most = items.reduce((found, one) => Math.max(found, one.across + one.size / 2), -Infinity);
  items.forEach((one) => (one.across += MARGIN - least));
  const at = (/** @type {Item} */ one) => layers[one.layer].from + one.column * (thickness + shape.gap);
  const point = (/** @type {number} */ along, /** @type {number} */ across) =>
    (shape.downwards ? [across, along] : [along, across]).map((value) => Math.round(value * 10) / 10).join(" ");
  const edges = ways.map(({ from, to, way }) => {
    let [along, across] = [at(way[0]) + thickness, way[0].across];
    let path = `M${point(along, across)}`;
    for (const next of way.slice(1)) {
      const start = next.size ? at(next) : layers[next.layer].from;
      const middle = (along + start) / 2;
      path += `C${point(middle, across)} ${point(middle, next.across)} ${point(start, next.across)}`;
      [along, across] = [next.size ? start : layers[next.layer].to, next.across];
      if (!next.size) path += `L${point(along, across)}`;
    }
    return { from, to, path };
  });
  const extent = [(layers.at(-1)?.to ?? 0) + MARGIN, items.length ? most - least + 2 * MARGIN : 0];
  const [width, height] = shape.downwards ? [extent[1], extent[0]] : extent;
  const corner = (/** @type {Item} */ one) =>
    shape.downwards ? { x: one.across - size / 2, y: at(one) } : { x: at(one), y: one.across - size / 2 };
  return { width, height, edges, places: new Map([...own].map(([id, one]) => [id, corner(one)])) };
}
