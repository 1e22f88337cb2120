// The thin line between two voices. Each voice sends its level along it as a ripple, mine from the left, theirs from
// the right; the line is as thick as the bitrate. While nobody is at the other end, it is only dotted there.

const CROSSING_SECONDS = 1.5;
const STEPS_PER_SECOND = 60; // grain of the remembered levels
const WAVELENGTH = 54; // CSS pixels
const BEATS_PER_SECOND = 2.6;
const POINT_SPACING = 2;

export class Line {
  #canvas;
  #context;
  #colours = {};
  #me = new Ripple();
  #them = new Ripple();
  #thickness = 2;
  #reach = 0; // how much of the line is whole, 0..1
  #size = { width: 0, height: 0 };
  #still;
  #painted = null; // what is on the canvas while nothing moves
  connected = false;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#still = matchMedia("(prefers-reduced-motion: reduce)");
    document.addEventListener("themechange", () => this.#readColours());
    this.#readColours();
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  set bitrateKbps(kbps) {
    this.targetThickness = 0.9 + 0.42 * kbps;
  }

  set myLevel(rms) {
    this.#me.level = rms;
  }

  set theirLevel(rms) {
    this.#them.level = rms;
  }

  /** Draws the next picture; `seconds` since the last one, `now` in seconds. */
  draw(seconds, now) {
    const ease = this.#still.matches ? 1 : 1 - Math.exp(-seconds * 7);
    this.#thickness += (this.targetThickness - this.#thickness) * ease;
    this.#reach += ((this.connected ? 1 : 0) - this.#reach) * (this.#still.matches ? 1 : 1 - Math.exp(-seconds * 3));
    this.#me.advance(seconds);
    this.#them.advance(seconds);
    const picture = this.#still.matches || (this.#me.flat && this.#them.flat)
      ? [this.#thickness, this.#reach].map((value) => value.toFixed(3)).join() : null;
    if (picture === null || picture !== this.#painted) this.#paint(now);
    this.#painted = picture;
  }

  #paint(now) {
    const context = this.#context;
    const { width, height } = this.#size;
    context.clearRect(0, 0, width, height);
    context.lineWidth = this.#thickness;
    context.lineJoin = "round";
    context.lineCap = "butt";
    const whole = width * (0.62 + 0.38 * this.#reach);
    context.strokeStyle = this.#gradient(width);
    context.beginPath();
    for (let x = 0; x <= whole; x += POINT_SPACING) context.lineTo(x, this.#height(x, whole, width, height, now));
    context.lineTo(whole, this.#height(whole, whole, width, height, now));
    context.stroke();
    if (whole < width - 1) this.#dots(whole, width, height);
  }

  #dots(from, width, height) {
    const context = this.#context;
    context.fillStyle = this.#colours.them;
    const gap = 14;
    for (let x = from + gap; x < width; x += gap) {
      context.globalAlpha = 0.75 * (1 - (x - from) / (width - from)) + 0.15;
      context.beginPath();
      context.arc(x, height / 2, Math.max(1, this.#thickness / 2), 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  #height(x, whole, width, height, now) {
    if (this.#still.matches) return height / 2;
    const share = x / width;
    const phase = 2 * Math.PI * BEATS_PER_SECOND * now;
    const turn = (2 * Math.PI) / WAVELENGTH;
    const mine = this.#me.at(share) * Math.sin(x * turn - phase);
    const theirs = this.#them.at(1 - share) * Math.sin((width - x) * turn * 1.13 - phase * 1.07);
    const held = Math.min(1, (9 * x) / width, (9 * (whole - x)) / width); // the ends are held
    return height / 2 + (mine + theirs) * held * (height / 2 - this.#thickness) * 0.9;
  }

  #gradient(width) {
    const gradient = this.#context.createLinearGradient(0, 0, width, 0);
    gradient.addColorStop(0.06, this.#colours.me);
    gradient.addColorStop(0.94, this.#colours.them);
    return gradient;
  }

  #readColours() {
    const style = getComputedStyle(document.documentElement);
    this.#colours = { me: style.getPropertyValue("--me"), them: style.getPropertyValue("--them") };
    this.#painted = null;
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = window.devicePixelRatio || 1;
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    this.#context.setTransform(scale, 0, 0, scale, 0, 0);
    this.#size = { width, height };
    this.#painted = null;
  }
}

/** The levels of one voice while they cross the line. */
class Ripple {
  #history = new Float32Array(Math.ceil(CROSSING_SECONDS * STEPS_PER_SECOND));
  #head = 0;
  #rest = 0;
  #smooth = 0;
  level = 0;

  advance(seconds) {
    this.#rest = Math.min(this.#rest + seconds * STEPS_PER_SECOND, this.#history.length);
    for (; this.#rest >= 1; this.#rest -= 1) {
      const height = Math.min(1, Math.sqrt(this.level) * 1.5);
      this.#smooth += (height - this.#smooth) * 0.3;
      this.#head = (this.#head + 1) % this.#history.length;
      this.#history[this.#head] = this.#smooth;
    }
  }

  get flat() {
    return this.level < 0.001 && this.#history.every((height) => height < 0.002);
  }

  /** Height 0..1 of the ripple at this share of the way. */
  at(share) {
    const back = share * (this.#history.length - 1) - this.#rest + 1;
    const whole = Math.floor(Math.max(0, Math.min(this.#history.length - 2, back)));
    const index = (this.#head - whole + this.#history.length) % this.#history.length;
    const older = (index - 1 + this.#history.length) % this.#history.length;
    const part = Math.max(0, Math.min(1, back - whole));
    return this.#history[index] * (1 - part) + this.#history[older] * part;
  }
}
