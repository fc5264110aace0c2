/* Enter in the box is heard from the first moment on, before the modules are there; composer.js then does what was meant. */
"use strict";

document.addEventListener("keydown", (event) => {
  const form = event.target.id === "content" ? event.target.form : null;
  if (!form || form.dataset.ready !== undefined || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.dataset.early = "";
});
