// @ts-check
/** What the console's frame remembers and does. Alpine's interpreter knows no globals, so the names that unfold's
 * templates use are given to it here. */
(() => {
  const YEAR = 31_536_000;
  const root = document.documentElement;
  /** @type {any} */
  const page = window;

  const shell = () => ({
    openModal: false,
    filterOpen: false,
    openAllApplications: false,
    sidebarMobileOpen: false,
    sidebarDesktopOpen: localStorage.getItem("sidebarDesktopOpen") !== "0",
    activeTab: page.getCurrentTab() || document.body.dataset.tab || "",
    chosenTheme: root.dataset.theme,
    window: { location: { pathname: location.pathname, search: location.search } },
    fold() {
      this.sidebarDesktopOpen = !this.sidebarDesktopOpen;
      localStorage.setItem("sidebarDesktopOpen", this.sidebarDesktopOpen ? "1" : "0");
    },
    /** @param {string} theme */
    choose(theme) {
      const secure = location.protocol === "https:" ? "; Secure" : "";
      document.cookie = `theme=${theme}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
      this.chosenTheme = root.dataset.theme = theme;
      root.dispatchEvent(new Event("parley:theme"));
    },
  });

  document.addEventListener("alpine:init", () => {
    page.Alpine.data("shell", shell);
    page.Alpine.data("searchForm", page.searchForm);
    // its width as a style attribute is what our policy forbids; `console.css` gives it one
    document.getElementById("changelist-actions")?.removeAttribute("x-bind:style");
  });
  document.addEventListener("alpine:initialized", () => root.classList.add("alive"));
})();
