// @ts-check
/** Before anything is drawn: dark where the system is dark and nobody has chosen. Not a module, which would be late. */
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const chosen = root.dataset.theme;
    root.classList.toggle("dark", chosen === "dark" || (chosen === "system" && dark.matches));
  };
  dark.addEventListener("change", apply);
  root.addEventListener("parley:theme", apply);
  apply();
})();
