// A level meter: a thin bar that moves with the voice, and a value for screen readers that moves once a second.

import { decibels } from "./format.js";

const FALL_DB_PER_SECOND = 45;
const SPOKEN_MS = 1000;

export class Meter {
  #element;
  #fill;
  #shown = -60;
  #target = -60;
  #spokenAt = 0;

  constructor(element) {
    this.#element = element;
    this.#fill = element.querySelector(".meter-fill");
  }

  set level(rms) {
    this.#target = decibels(rms);
  }

  /** Moves the bar; `seconds` since the last time. Returns whether it still moves. */
  draw(seconds, now) {
    const shown = Math.max(this.#target, this.#shown - FALL_DB_PER_SECOND * seconds);
    if (shown !== this.#shown) this.#fill.style.transform = `scaleX(${(shown + 60) / 60})`;
    this.#shown = shown;
    if (now - this.#spokenAt > SPOKEN_MS) {
      this.#element.setAttribute("aria-valuenow", String(Math.round(shown)));
      this.#spokenAt = now;
    }
    return shown > -60;
  }
}
