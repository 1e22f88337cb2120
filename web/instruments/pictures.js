// The panel with the pictures of both voices. It looks at the sound only while it is open, the tab is seen and a call
// runs; else nothing of it costs anything.

import { write } from "../i18n.js";
import { recall, remember } from "../memory.js";
import { COLUMNS, Picture } from "./picture.js";

const COLUMNS_PER_SECOND = 30;
const GAP_SECONDS = 0.5; // who looked away for longer sees a gap
const STILL_SECONDS = 1; // between pictures for those who want no motion
const MARKS_HZ = [250, 1000, 4000, 12000];

export class Pictures {
  #panel;
  #freeze;
  #pictures;
  #audio = null;
  #taps = null;
  #frozen = false;
  #request = null;
  #still = matchMedia("(prefers-reduced-motion: reduce)");
  #seenAt = 0; // what was heard until then is in the pictures; ms
  #paintedAt = 0;

  constructor(panel) {
    this.#panel = panel;
    this.#freeze = panel.querySelector("#pictures-freeze");
    const canvas = (name) => panel.querySelector(`#picture-${name}`);
    this.#pictures = { said: new Picture(canvas("said"), "--me"), heard: new Picture(canvas("heard"), "--them") };
    for (const scale of panel.querySelectorAll(".picture-scale")) mark(scale);
    panel.open = recall("pictures") !== "closed";
    panel.addEventListener("toggle", () => this.#toggled());
    this.#freeze.addEventListener("click", () => this.#setFrozen(!this.#frozen));
    document.addEventListener("visibilitychange", () => this.#run());
    document.addEventListener("themechange", () => this.#recolour());
    this.#each((picture) => picture.paint());
  }

  /** The call's audio path, or null when there is no call any more. */
  set audio(audio) {
    this.#taps?.release();
    this.#taps = null;
    this.#audio = audio;
    if (audio === null) this.#setFrozen(false);
    this.#each((picture) => picture.skip(COLUMNS));
    this.#run();
  }

  get #wanted() {
    return this.#audio !== null && this.#panel.open && !this.#frozen && !document.hidden;
  }

  #toggled() {
    remember("pictures", this.#panel.open ? null : "closed");
    this.#run();
  }

  #setFrozen(frozen) {
    this.#frozen = frozen;
    this.#freeze.setAttribute("aria-pressed", String(frozen));
    this.#run();
  }

  /** Begins or ends to look, as it is wanted now. */
  #run() {
    if (this.#wanted === (this.#request !== null)) return;
    if (this.#wanted) {
      this.#taps = this.#audio.tap();
      this.#seenAt = performance.now();
      this.#request = requestAnimationFrame(this.#step);
    } else {
      cancelAnimationFrame(this.#request);
      this.#taps?.release();
      this.#request = this.#taps = null;
    }
  }

  #step = (now) => {
    this.#request = requestAnimationFrame(this.#step);
    const passed = (now - this.#seenAt) / 1000;
    const columns = Math.floor(passed * COLUMNS_PER_SECOND);
    if (columns < 1) return;
    this.#seenAt += (1000 * columns) / COLUMNS_PER_SECOND;
    const samplesPerColumn = Math.round(this.#taps.said.context.sampleRate / COLUMNS_PER_SECOND);
    this.#each((picture, name) => {
      if (passed > GAP_SECONDS) picture.skip(columns);
      else picture.add(this.#taps[name], columns, samplesPerColumn);
    });
    if (this.#still.matches && now - this.#paintedAt < 1000 * STILL_SECONDS) return;
    this.#paintedAt = now;
    this.#each((picture) => picture.paint());
  };

  #recolour() {
    this.#each((picture) => {
      picture.readColours();
      picture.paint();
    });
  }

  #each(action) {
    for (const [name, picture] of Object.entries(this.#pictures)) action(picture, name);
  }
}

/** Writes the frequencies beside a picture. */
function mark(scale) {
  for (const hertz of MARKS_HZ) {
    const label = document.createElement("span");
    write(label, "pictures.kilohertz", { kilohertz: hertz / 1000 });
    label.style.top = `${100 * Picture.placeOf(hertz, MARKS_HZ.at(-1))}%`;
    scale.append(label);
  }
}
