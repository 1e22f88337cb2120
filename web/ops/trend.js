// A figure with its last minute as a small line.

import { make } from "./dom.js";

const POINTS = 60;
const WIDTH = 100;
const HEIGHT = 24;
const SVG = "http://www.w3.org/2000/svg";

/** Remembers the last minute of one figure. `format(value)` writes it; the line's height is at least `scale`. */
export class Trend {
  #values = [];
  #line = svg("polyline", {});
  #number = make("output", {});
  #picture;

  constructor(name, scale, format) {
    this.name = name;
    this.scale = scale;
    this.format = format;
    const ground = svg("line", { x1: 0, y1: HEIGHT, x2: WIDTH, y2: HEIGHT });
    this.#picture = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    this.#picture.append(ground, this.#line);
    this.element = make("div", { class: "trend" }, this.#picture, this.#number);
  }

  /** Null: there is no figure for this second. */
  add(value) {
    this.#values.push(value);
    if (this.#values.length > POINTS) this.#values.shift();
    const known = this.#values.filter((each) => each !== null);
    const most = Math.max(...known, 0);
    this.#line.setAttribute("points", points(this.#values, Math.max(most, this.scale)));
    this.#number.textContent = this.format(value);
    this.#picture.setAttribute("aria-label", known.length
      ? `${this.name}, last minute: at most ${this.format(most)}` : `${this.name}: nothing yet`);
  }
}

/** Newest at the right edge; where there is no figure, the line goes straight on. */
export function points(values, top) {
  const first = POINTS - values.length;
  return values
    .map((value, index) => [value, ((first + index) / (POINTS - 1)) * WIDTH])
    .filter(([value]) => value !== null)
    .map(([value, x]) => `${x.toFixed(1)},${(HEIGHT * (1 - value / top)).toFixed(2)}`)
    .join(" ");
}

function svg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
