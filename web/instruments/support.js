// The panel for support: the record of the call in words, once a second while it is open and seen, and as JSON to copy.

import { currentLanguage, locale, onLanguage, plain, write } from "../i18n.js";
import { copyKeys } from "../link.js";
import { describeBrowser, supportRecord } from "./record.js";

const UNITS = { kbps: "kbit/s", ms: "ms", hz: "Hz" };
const NONE = "–";
const SHOWN = [ // the copy has more
  ["call", ["session", "seconds", "transport", "breaks", "bitrate_kbps", "other_there", "muted", "denoise", "other_denoise"]],
  ["codec", ["model_id", "preset", "engine", "encode_rtf", "encode_step_ms", "decode_rtf", "decode_step_ms", "payload_kbps",
    "packets_kbps", "redundancy_copies"]],
  ["way", ["connection", "ice", "ice_pair", "ice_round_trip_ms", "socket_round_trip_ms", "ice_candidates_here",
    "ice_candidates_there", "dtls", "dtls_version", "dtls_cipher", "srtp_cipher", "sent_kbps", "received_kbps", "packets_sent",
    "packets_received", "rtp_lost_up", "rtp_lost_down", "rtp_jitter_up_ms", "rtp_jitter_down_ms"]],
  ["up", ["frames_sent", "frames_skipped", "frames_arrived", "frames_lost", "frames_too_late"]],
  ["down", ["server_playout_ms", "server_decoded", "server_concealed", "server_noise", "server_dropped", "frames_received",
    "playout_ms", "frames_played", "frames_missing", "frames_late", "frames_cut", "underruns"]],
  ["devices", ["microphone", "microphone_rate_hz", "echo_cancellation", "noise_suppression", "auto_gain_control",
    "loudspeaker", "page_rate_hz", "sound", "base_latency_ms", "output_latency_ms"]],
  ["browser", ["user_agent", "language", "page_language", "cores", "network"]],
];

export class Support {
  #panel;
  #groups;
  #copy;
  #said;
  #json;
  #ask = null;
  #record = null;
  #rows = new Map(); // "group.field" -> where its value stands

  constructor(panel) {
    this.#panel = panel;
    const part = (name) => panel.querySelector(`#support-${name}`);
    [this.#groups, this.#copy, this.#said, this.#json] = ["groups", "copy", "copied", "json"].map(part);
    this.#copy.addEventListener("click", () => this.#copyAsJson());
    panel.addEventListener("toggle", () => this.refresh());
    onLanguage(() => this.#record && this.#show());
  }

  /** During a call: `ask()` resolves to {facts, audio, state} of this moment. Null: there is no call any more. */
  set source(ask) {
    this.#ask = ask;
    this.#record = null;
    this.#json.hidden = true;
    write(this.#said, "");
    this.refresh();
  }

  /** Shows the call as it is now, if anybody looks. */
  async refresh() {
    if (!this.#panel.open || document.hidden) return;
    if (await this.#take()) this.#show();
  }

  async #take() {
    const ask = this.#ask;
    const known = await ask?.();
    if (!known || ask !== this.#ask) return false; // the call has ended meanwhile
    const state = { ...known.state, nowMs: Date.now(), browser: describeBrowser(navigator, currentLanguage()) };
    this.#record = supportRecord(known.facts, known.audio, state, this.#record);
    return true;
  }

  #show() {
    for (const [group, fields] of SHOWN) {
      for (const field of fields) this.#fill(this.#row(group, field), field, this.#record[group][field]);
    }
  }

  #fill(cell, field, value) {
    if (typeof value === "boolean") write(cell, value ? "support.yes" : "support.no");
    else plain(cell, inFigures(field, value));
  }

  #row(group, field) {
    const name = `${group}.${field}`;
    if (!this.#rows.has(name)) {
      const [row, term, cell] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
      write(term, `support.${field}`);
      row.append(term, cell);
      this.#list(group).append(row);
      this.#rows.set(name, cell);
    }
    return this.#rows.get(name);
  }

  #list(group) {
    const known = this.#groups.querySelector(`[data-group="${group}"] dl`);
    if (known) return known;
    const [section, title, list] = ["section", "h3", "dl"].map((tag) => document.createElement(tag));
    section.dataset.group = group;
    write(title, `support.group.${group}`);
    section.append(title, list);
    this.#groups.append(section);
    return list;
  }

  async #copyAsJson() {
    if (this.#record === null && !(await this.#take())) return;
    const text = JSON.stringify({ thinline: "support record", version: 1, ...this.#record }, null, 2);
    try {
      await navigator.clipboard.writeText(text);
      write(this.#said, "copy.done");
    } catch {
      [this.#json.hidden, this.#json.value] = [false, text];
      this.#json.select();
      write(this.#said, "copy.by-hand", { keys: copyKeys() });
    }
  }
}

function inFigures(field, value) {
  if (value === null || value === undefined) return NONE;
  if (typeof value !== "number") return value;
  const unit = UNITS[field.split("_").at(-1)];
  return value.toLocaleString(locale(), { maximumFractionDigits: 3 }) + (unit ? `\u202f${unit}` : "");
}
