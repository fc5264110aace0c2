// @ts-check
/** The clipboard as the page may have it: without a secure origin there is only the old way. @param {string} text */
export async function toClipboard(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const box = document.createElement("textarea");
  box.value = text;
  box.className = "unseen";
  document.body.append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  if (!done) throw new Error("This browser copies nothing here.");
}
