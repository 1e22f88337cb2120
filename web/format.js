// Numbers and names as people read them. Pure functions.

const NONE = "–";
const THIN_SPACE = "\u202f"; // narrow, and no line breaks there
const PHONE_LINE_KBPS = 64; // ITU-T G.711, what a digital telephone line gives one call

export function number(value, digits = 0) {
  return value === null || value === undefined || Number.isNaN(value) ? NONE : value.toFixed(digits);
}

export function milliseconds(value) {
  return value === null || value === undefined ? NONE : `${Math.round(value)}${THIN_SPACE}ms`;
}

export function percent(fraction) {
  return fraction === null ? NONE : `${(100 * fraction).toFixed(1)}${THIN_SPACE}%`;
}

export function count(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, THIN_SPACE);
}

export function kbps(value) {
  return String(Math.round(value * 100) / 100);
}

export function duration(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** How thin the line is, beside something people know. */
export function comparison(bitrateKbps) {
  const calls = Math.floor(PHONE_LINE_KBPS / bitrateKbps);
  return `One ordinary telephone line would carry ${calls} calls this thin.`;
}

/** " from frame 1 234", or nothing while the frame is unknown. */
export function sinceFrame(frame) {
  return frame === null ? "" : ` from frame ${count(frame)}`;
}

/** Level in dB below full scale, limited to the meter's range. */
export function decibels(rms) {
  return Math.max(-60, Math.min(0, 20 * Math.log10(rms + 1e-9)));
}

/** The share that was lost in the last ten reports, from counters that only grow. */
export class LossWindow {
  #reports = [];

  add(lost, total) {
    this.#reports.push({ lost, total });
    if (this.#reports.length > 11) this.#reports.shift();
    const first = this.#reports[0];
    return total > first.total ? (lost - first.lost) / (total - first.total) : null;
  }
}

const QUALITIES = ["amber", "brisk", "calm", "clear", "distant", "early", "gentle", "green", "kind", "late", "mellow",
  "quiet", "silver", "slow", "spare", "warm"];
const BIRDS = ["curlew", "dunnock", "finch", "heron", "jackdaw", "kestrel", "lapwing", "linnet", "martin", "plover",
  "redwing", "robin", "siskin", "swift", "wagtail", "wren"];

/** A room name that is easy to say and unlikely to be taken, such as "quiet-heron-417". */
export function suggestRoom() {
  const [quality, bird, digits] = crypto.getRandomValues(new Uint16Array(3));
  return `${QUALITIES[quality % QUALITIES.length]}-${BIRDS[bird % BIRDS.length]}-${100 + (digits % 900)}`;
}
