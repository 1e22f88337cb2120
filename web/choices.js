// The settings at the foot of the page, which it remembers: language.

import { LANGUAGES, chooseLanguage, currentLanguage } from "./i18n.js";

export function showChoices() {
  const select = document.getElementById("language");
  for (const [code, texts] of Object.entries(LANGUAGES)) {
    const option = new Option(texts["language.name"], code);
    option.lang = code;
    select.append(option);
  }
  select.value = currentLanguage();
  select.addEventListener("change", () => chooseLanguage(select.value));
}
