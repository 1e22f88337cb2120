// The settings at the foot of the page, which it remembers: language, light or dark, and what may be on or off.

import { LANGUAGES, chooseLanguage, currentLanguage } from "./i18n.js";
import { recall, remember } from "./memory.js";

const byId = (id) => document.getElementById(id);

export function offerLanguages() {
  const select = byId("language");
  for (const [code, texts] of Object.entries(LANGUAGES)) {
    const option = new Option(texts["language.name"], code);
    option.lang = code;
    select.append(option);
  }
  select.value = currentLanguage();
  select.addEventListener("change", () => chooseLanguage(select.value));
}

/** "" is the system's own. */
export function offerThemes() {
  const select = byId("theme");
  const kept = recall("theme");
  select.value = [...select.options].some(({ value }) => value === kept) ? kept : "";
  select.addEventListener("change", () => {
    remember("theme", select.value || null);
    document.dispatchEvent(new Event("themechoice"));
  });
}

/** A checkbox for what has a property `on`. */
export function offerSwitch(id, subject) {
  const box = byId(id);
  box.checked = subject.on;
  box.addEventListener("change", () => {
    subject.on = box.checked;
  });
}

/** A dialog that its buttons open and close, and that gives the focus back. Returns what opens it. */
export function offerDialog(id) {
  const dialog = byId(id);
  const open = () => dialog.showModal();
  byId(`${id}-open`).addEventListener("click", open);
  byId(`${id}-close`).addEventListener("click", () => dialog.close());
  return open;
}
