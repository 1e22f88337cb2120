// The keys of a call. Single letters may be switched off (WCAG 2.1.4), and are never taken from whoever writes.

import { recall, remember } from "./memory.js";

const WRITING = "input:not([type=range], [type=checkbox]), select, textarea";
const REPEATED = new Set(["+", "-"]);
const PRESSING = `${WRITING}, button, a, summary, input`; // where the space bar has a meaning of its own

/** `actions`, by key: {m: () => ..., "shift+l": () => ...}. `talk(on)` follows the space bar. Both are asked for only
 * while `ready()`. `help()` answers "?" at any time, `dismiss()` Escape. */
export class Keys {
  #talking = false;

  constructor({ actions, talk, ready, help, dismiss }) {
    this.actions = actions;
    this.talk = talk;
    this.ready = ready;
    this.help = help;
    this.dismiss = dismiss;
    document.addEventListener("keydown", (event) => this.#down(event));
    document.addEventListener("keyup", (event) => event.key === " " && this.#hush());
    window.addEventListener("blur", () => this.#hush());
  }

  get on() {
    return recall("keys") !== "off";
  }

  set on(on) {
    remember("keys", on ? null : "off");
  }

  #down(event) {
    const { key, target } = event;
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (key === "Escape") this.dismiss();
    if (target.closest(WRITING)) return;
    if (this.on && key === "?") this.help();
    else if (this.on && this.ready()) this.#inCall(event);
  }

  #inCall(event) {
    const { key, target } = event;
    const name = `${event.shiftKey && /^[a-z]$/i.test(key) ? "shift+" : ""}${key.toLowerCase()}`;
    if (key === " ") {
      if (target.closest(PRESSING)) return;
      event.preventDefault(); // the page would scroll
      if (!event.repeat) this.#talking = this.talk(true);
    } else if (Object.hasOwn(this.actions, name)) {
      event.preventDefault();
      if (!event.repeat || REPEATED.has(name)) this.actions[name]();
    }
  }

  #hush() {
    if (this.#talking) this.talk(false);
    this.#talking = false;
  }
}
