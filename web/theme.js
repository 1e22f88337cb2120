// Light or dark: as the user chose, or as the system has it. A classic script in the head, so that it runs before
// anything is painted. Whoever changes the choice (choices.js) sends `themechoice` to the document; whoever paints by
// the colours of style.css listens there for `themechange`.

{
  const PAPER = { light: "#fafaf7", dark: "#101315" }; // as in style.css: for the browser's own frame on a phone
  const system = matchMedia("(prefers-color-scheme: dark)");

  const chosen = () => {
    try {
      return localStorage.getItem("thinline-theme");
    } catch {
      return null;
    }
  };

  const apply = () => {
    const theme = Object.hasOwn(PAPER, chosen()) ? chosen() : system.matches ? "dark" : "light";
    if (theme === document.documentElement.dataset.theme) return;
    document.documentElement.dataset.theme = theme;
    document.querySelector("meta[name=theme-color]").content = PAPER[theme];
    document.dispatchEvent(new Event("themechange"));
  };

  apply();
  system.addEventListener("change", apply);
  document.addEventListener("themechoice", apply);
  window.addEventListener("storage", apply); // chosen in another tab
}
