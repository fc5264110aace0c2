// @ts-check
/** How far a growing Markdown text consists of finished blocks, which will not be read otherwise whatever follows. Pure;
 * used by stream.js. */

const ITEM = /^\s*([-*+]|\d{1,9}[.)])(\s|$)/;

/** The fence that a line opens, "" for none. @param {string} line */
function opens(line) {
  const [, mark, said] = /^ {0,3}(`{3,}|~{3,})(.*)/.exec(line) ?? ["", "", ""];
  return mark.startsWith("`") && said.includes("`") ? "" : mark;
}

/** @param {string} line @param {string} fence */
const closes = (line, fence) => line.trim().startsWith(fence) && !line.trim().replaceAll(fence[0], "");

/**
 * Up to a blank line with another block behind it, or to where a fence opens or has closed. A list goes on over blank
 * lines; what its next line is can be said only when that is whole.
 * @param {string} text @returns {{end: number, fenced: boolean}} `fenced`: what follows `end` is in an open fence
 */
export function finished(text) {
  let [end, at, fence, blank, listed] = [0, 0, "", true, false];
  for (const line of text.split("\n")) {
    const next = at + line.length + 1;
    const whole = next <= text.length;
    if (fence) {
      if (whole && closes(line, fence)) {
        fence = "";
        if (!listed) end = next;
      }
    } else if (line.trim()) {
      const [item, inner] = [ITEM.test(line), /^\s/.test(line)];
      fence = opens(line);
      if (blank && !inner && !(listed && (item || !whole))) [end, listed] = [at, item];
      else if (fence && !listed && !inner) end = at;
    }
    blank = !line.trim();
    at = next;
  }
  return { end: Math.min(end, text.length), fenced: fence !== "" };
}
