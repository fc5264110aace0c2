// @ts-check
/** How hands move a drawing that scrolls in its frame: two fingers and the wheel zoom, a mouse drags. Used by drawing.js.
 *
 * @typedef {{x: number, y: number}} Point in the frame
 * @typedef {(ratio: number, at: Point) => void} Zoom so many times as large, with the point staying where it is
 */

const STEP = 1.35;

/** @param {HTMLElement} frame @param {{clientX: number, clientY: number}[]} touches @returns {Point} */
function middle(frame, touches) {
  const { left, top } = frame.getBoundingClientRect();
  const mean = (/** @type {"clientX" | "clientY"} */ name) => touches.reduce((sum, one) => sum + one[name], 0) / touches.length;
  return { x: mean("clientX") - left, y: mean("clientY") - top };
}

/** @param {{clientX: number, clientY: number}[]} touches */
const apart = ([one, other]) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);

/** Two fingers. One scrolls, as the browser does it. @param {HTMLElement} frame @param {Zoom} zoom */
function pinching(frame, zoom) {
  let distance = 0;
  frame.addEventListener("touchstart", ({ touches }) => {
    distance = touches.length === 2 ? apart([...touches]) : 0;
  }, { passive: true });
  frame.addEventListener("touchmove", (event) => {
    const touches = [...event.touches];
    if (!distance || touches.length !== 2) return;
    event.preventDefault();
    const now = apart(touches);
    zoom(now / distance, middle(frame, touches));
    distance = now;
  }, { passive: false });
}

/** The wheel with Ctrl, which is also what a pinch on a touchpad sends. @param {HTMLElement} frame @param {Zoom} zoom */
function wheeling(frame, zoom) {
  frame.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(STEP ** (event.deltaY < 0 ? 1 : -1), middle(frame, [event]));
  }, { passive: false });
}

/** A mouse, beside the nodes. @param {HTMLElement} frame */
function dragging(frame) {
  frame.addEventListener("pointerdown", (event) => {
    const onNode = event.target instanceof Element && event.target.closest(".node");
    if (event.pointerType !== "mouse" || event.button !== 0 || onNode) return;
    frame.setPointerCapture(event.pointerId);
    frame.classList.add("dragged");
  });
  frame.addEventListener("pointermove", ({ movementX, movementY }) => {
    if (frame.classList.contains("dragged")) frame.scrollBy(-movementX, -movementY);
  });
  for (const name of ["pointerup", "pointercancel"]) frame.addEventListener(name, () => frame.classList.remove("dragged"));
}

/** @param {HTMLElement} frame @param {Zoom} zoom */
export function gestures(frame, zoom) {
  pinching(frame, zoom);
  wheeling(frame, zoom);
  dragging(frame);
}
