// The page's words, in the language of whoever reads them.
//
// To add a string: give it a key in every file of languages/ (a test compares them), and show it by that key.
//   In HTML:    <p data-text="lobby.lead">The English text, for the time before this module has run.</p>
//               data-label="key" sets aria-label, data-tip="key" title, data-content="key" content.
//   In modules: write(element, "call.left", { name }) fills the element; write(element, "meter.me", {}, "label") its
//               aria-label. What was written so, or stands in HTML so, is written anew when the language changes.
//               message("call.left", { name }) is a text that is put into words later: write(element, message).
//               plain(element, name) shows what needs no translation. write(element, "") empties the element.
//               t("call.left", { name }) is a string now, for canvas and the like: draw again by onLanguage(redraw).
// {name} in a text is filled in; numbers are written as the reader writes them, messages put into words. A text that
// depends on a number is { one, other } in the languages' files, chosen by the value named `count`.

import de from "./languages/de.js";
import en from "./languages/en.js";
import { recall, remember } from "./memory.js";

export const LANGUAGES = { en, de }; // the first is for those who read none of them
const SLOTS = { text: null, label: "aria-label", tip: "title", content: "content", valuetext: "aria-valuetext" };
const FRACTION_DIGITS = 2;

let language = "en";
const values = new WeakMap(); // element -> slot -> what to fill in
const listeners = new Set();

/** Begins with the language that was chosen on this device, or the browser's. */
export function startLanguage() {
  const chosen = recall("language");
  show(Object.hasOwn(LANGUAGES, chosen) ? chosen : preferred(navigator.languages));
}

/** The user's own choice, remembered. */
export function chooseLanguage(code) {
  remember("language", code);
  show(code);
}

/** The first of the wanted languages (BCP 47 tags) that the page has. */
export function preferred(wanted) {
  return wanted.map(primary).find((code) => Object.hasOwn(LANGUAGES, code)) ?? Object.keys(LANGUAGES)[0];
}

export function currentLanguage() {
  return language;
}

/** How numbers are written: as in the reader's country, where that speaks the page's language. */
export function locale() {
  return navigator.languages.find((tag) => primary(tag) === language) ?? language;
}

/** Calls `listener` after each change of the language. */
export function onLanguage(listener) {
  listeners.add(listener);
}

/** A text that is put into words when it is shown. */
export function message(key, fields = {}) {
  return { key, fields };
}

/** The text of a key, or of a message, as a string; "" stays as it is. */
export function t(key, fields = {}) {
  if (key === "") return "";
  if (typeof key === "object") return t(key.key, key.fields);
  const text = LANGUAGES[language][key];
  if (text === undefined) {
    console.error(`no text has the key ${key}`);
    return key;
  }
  const form = typeof text === "string" ? text : text[new Intl.PluralRules(locale()).select(fields.count)] ?? text.other;
  return form.replace(/\{(\w+)\}/g, (_, name) => inWords(fields[name]));
}

/** Whether there is a text with this key. */
export function has(key) {
  return key in LANGUAGES[language];
}

/** Shows a text, by key or as a message, in the element or, by another slot, in one of its attributes. */
export function write(element, key, fields = {}, slot = "text") {
  if (typeof key === "object") {
    write(element, key.key, key.fields, slot);
    return;
  }
  if (key === "") {
    plain(element, "");
    return;
  }
  element.dataset[slot] = key;
  if (!values.has(element)) values.set(element, {});
  values.get(element)[slot] = fields;
  render(element, slot);
}

/** Shows what is the same in every language: names, figures. */
export function plain(element, text) {
  delete element.dataset.text;
  if (element.textContent !== text) element.textContent = text;
}

function show(code) {
  language = code;
  document.documentElement.lang = code;
  for (const slot of Object.keys(SLOTS)) {
    for (const element of document.querySelectorAll(`[data-${slot}]`)) render(element, slot);
  }
  listeners.forEach((listener) => listener());
}

function render(element, slot) {
  const text = t(element.dataset[slot], values.get(element)?.[slot]);
  if (SLOTS[slot]) element.setAttribute(SLOTS[slot], text);
  else if (element.textContent !== text) element.textContent = text; // an equal text would be read out again
}

/** "de" of "de-AT". */
function primary(tag) {
  return tag.toLowerCase().split("-")[0];
}

function inWords(value) {
  if (typeof value === "number") return value.toLocaleString(locale(), { maximumFractionDigits: FRACTION_DIGITS });
  return typeof value === "object" ? t(value) : String(value);
}
