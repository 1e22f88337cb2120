// The link for the other person: what it says, and the ways to hand it on.

import { message } from "./i18n.js";

const SHOWN_MS = 4000;

/** The address that opens this room. A token that names nobody lets the other person in too; one with a name stays here. */
export function linkTo(room, token) {
  const invitation = token && !token.name ? `#token=${token.text}` : "";
  return `${location.origin}/?${new URLSearchParams({ room })}${invitation}`;
}

/** This page's own address, for whoever reloads it in a call. */
export function addressOf(room, parameters) {
  const kept = new URLSearchParams(parameters);
  kept.set("room", room);
  kept.delete("autojoin");
  return `/?${kept}${location.hash}`;
}

/** What one presses on this device to copy, as a message. */
export function copyKeys() {
  return message(/Mac|iP/.test(navigator.platform) ? "keys.command-c" : "keys.control-c");
}

/** The buttons that copy and share what stands in the page's field `link`. */
export class Link {
  #page;
  #timer = null;

  constructor(page) {
    this.#page = page;
    const { el } = page;
    el.link.addEventListener("focus", () => el.link.select());
    for (const button of [el.copy, el.invite]) button.addEventListener("click", () => this.copy());
    el.share.hidden = typeof navigator.share !== "function";
    el.share.addEventListener("click", () => this.#share());
  }

  async copy() {
    const { link } = this.#page.el;
    const copied = await navigator.clipboard.writeText(link.value).then(() => true, () => false);
    if (!copied) link.focus();
    this.#page.copied(copied);
    this.#page.say("copy", copied ? "link.copied" : "copy.by-hand", { keys: copyKeys() });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#page.copied(false);
      this.#page.say("copy", "");
    }, SHOWN_MS);
  }

  async #share() {
    const { link } = this.#page.el;
    await navigator.share({ title: "thinline", url: link.value }).catch(() => {}); // thought better of it
  }
}
