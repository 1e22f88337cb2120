// Numbers and names as people read them, in the page's language.

import { locale, message, t } from "./i18n.js";

const NONE = "–";
const THIN_SPACE = "\u202f"; // narrow, and no line breaks there
const PHONE_LINE_KBPS = 64; // ITU-T G.711, what a digital telephone line gives one call

export function number(value, digits = 0) {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  return value.toLocaleString(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function milliseconds(value) {
  return value === null || value === undefined ? NONE : `${number(value)}${THIN_SPACE}ms`;
}

export function percent(fraction) {
  if (fraction === null) return NONE;
  return fraction.toLocaleString(locale(), { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

export function count(value) {
  return value.toLocaleString(locale());
}

export function kbps(value) {
  return value.toLocaleString(locale(), { maximumFractionDigits: 2 });
}

export function duration(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** How thin the line is, beside something people know; a message. */
export function comparison(bitrateKbps) {
  return message("bitrate.comparison", { count: Math.floor(PHONE_LINE_KBPS / bitrateKbps) });
}

/** " from frame 1,234" as a message, or nothing while the frame is unknown. */
export function sinceFrame(frame) {
  return frame === null ? "" : message("frame.since", { frame });
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

/** A room name that is easy to say and unlikely to be taken, such as "quiet-heron-417". */
export function suggestRoom() {
  const [quality, bird, digits] = crypto.getRandomValues(new Uint16Array(3));
  const [qualities, birds] = [t("room.qualities").split(" "), t("room.birds").split(" ")];
  return `${qualities[quality % qualities.length]}-${birds[bird % birds.length]}-${100 + (digits % 900)}`;
}
