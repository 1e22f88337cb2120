// The table of calls. Rows live as long as what they show, so focus and open menus survive the next second. Roles are
// written out because a table that is laid out as cards, on a phone, is none any more for screen readers.

import { duration, kbps, milliseconds, number, percent } from "../format.js";
import { make, write } from "./dom.js";
import { Trend } from "./trend.js";

const SURE_MS = 4000; // how long "Really?" stands on the button
const TRANSPORTS = { channel: "data channel", rtp: "RTP, PCM", opus: "RTP, Opus" };

/** `act` takes what the operator asks for: act.bitrate(call, kbps), act.denoise(session, name, on), act.end(session, name). */
export class CallTable {
  #table;
  #act;
  #calls = new Map();

  constructor(table, act) {
    this.#table = table;
    this.#act = act;
  }

  show(calls, bitrates) {
    this.#table.hidden = calls.length === 0;
    update(this.#calls, calls, (call) => call.call, (call) => new CallRows(call, bitrates, this.#act), this.#table);
  }
}

class CallRows {
  #members = new Map();
  #room = make("span", { class: "call-room" });
  #select;
  #act;

  constructor({ call }, bitrates, act) {
    this.#act = act;
    const id = `bitrate-${call}`;
    const options = bitrates.map((value) => make("option", { value }, `${kbps(value)} kbit/s`));
    this.#select = make("select", { id }, ...options);
    this.#select.addEventListener("change", () => act.bitrate(call, Number(this.#select.value)));
    const bitrate = make("span", { class: "call-bitrate" }, make("label", { for: id }, "Bitrate"), this.#select);
    const line = make("div", { class: "call-line" }, this.#room, make("code", {}, `call ${call}`), bitrate);
    const head = make("tr", { role: "row", class: "call" }, make("th", { role: "rowheader", colspan: 8 }, line));
    this.element = make("tbody", { role: "rowgroup" }, head);
  }

  show(call) {
    write(this.#room, call.room);
    if (document.activeElement !== this.#select) this.#select.value = String(call.bitrate_kbps);
    update(this.#members, call.sessions, (member) => member.session, (member) => new MemberRow(member, this.#act), this.element);
  }
}

class MemberRow {
  #name = make("span", {});
  #time = make("td", { role: "cell", "data-label": "In the call" });
  #sound = make("td", { role: "cell", "data-label": "Sound" });
  #trends = {
    rtf: new Trend("RTF", 0.5, (value) => number(value, 3)),
    loss: new Trend("Lost on the way here", 0.05, percent),
    delay: new Trend("Playout delay", 80, milliseconds),
  };
  #before = null; // figures of the second before
  #denoise = make("button", { type: "button", class: "button toggle switch", "aria-pressed": "false" });
  #end = make("button", { type: "button", class: "button button-leave" }, "End");
  #state;

  constructor(member, act) {
    this.#state = member;
    this.#denoise.addEventListener("click", () => act.denoise(member.session, this.#state.name, !this.#state.denoise));
    this.#askTwice(() => act.end(member.session, this.#state.name));
    const who = make("th", { role: "rowheader", scope: "row" }, this.#name, make("code", {}, member.session));
    const trends = [["RTF", "rtf"], ["Lost on the way here", "loss"], ["Playout delay", "delay"]].map(
      ([label, key]) => make("td", { role: "cell", "data-label": label }, this.#trends[key].element));
    this.element = make("tr", { role: "row", class: "member" }, who, this.#time, this.#sound, ...trends,
      make("td", { role: "cell", "data-label": "Denoise" }, this.#denoise), make("td", { role: "cell", "data-label": "Session" }, this.#end));
  }

  show(member) {
    this.#state = member;
    write(this.#name, member.name);
    write(this.#time, duration(member.seconds));
    write(this.#sound, member.flowing ? TRANSPORTS[member.transport] ?? member.transport : "not open yet");
    this.#denoise.setAttribute("aria-pressed", String(member.denoise));
    this.#denoise.setAttribute("aria-label", `Denoise ${member.name}`);
    this.#end.setAttribute("aria-label", `${this.#end.dataset.sure ? "Really end" : "End"} the session of ${member.name}`);
    write(this.#denoise, member.denoise ? "On" : "Off");
    this.#draw(member.figures);
  }

  #draw(figures) {
    this.#trends.rtf.add(figures && figures.encode_rtf + figures.decode_rtf);
    this.#trends.loss.add(lossBetween(this.#before, figures));
    this.#trends.delay.add(figures?.playout_delay_ms || null);
    this.#before = figures;
  }

  /** A press asks, a second one does it. */
  #askTwice(action) {
    let timer = null;
    const calm = () => {
      clearTimeout(timer);
      delete this.#end.dataset.sure;
      this.#end.textContent = "End";
      this.#end.setAttribute("aria-label", `End the session of ${this.#state.name}`);
    };
    this.#end.addEventListener("click", () => {
      if (this.#end.dataset.sure) {
        calm();
        action();
        return;
      }
      this.#end.dataset.sure = "true";
      this.#end.textContent = "Really?";
      this.#end.setAttribute("aria-label", `Really end the session of ${this.#state.name}`);
      timer = setTimeout(calm, SURE_MS);
    });
  }
}

/** The share of frames that were lost between two readings; null where nothing came or went missing. */
export function lossBetween(before, now) {
  if (!before || !now) return null;
  const lost = now.uplink_lost - before.uplink_lost;
  const all = now.uplink_frames - before.uplink_frames + lost;
  return all > 0 ? Math.max(0, lost) / all : null;
}

/** Brings `rows`, by key, in line with `items`: new ones are added to `parent`, those that are gone are taken away. */
function update(rows, items, keyOf, makeRow, parent) {
  const keys = new Set(items.map(keyOf));
  for (const [key, row] of rows) {
    if (keys.has(key)) continue;
    row.element.remove();
    rows.delete(key);
  }
  for (const item of items) {
    const key = keyOf(item);
    if (!rows.has(key)) {
      rows.set(key, makeRow(item));
      parent.append(rows.get(key).element);
    }
    rows.get(key).show(item);
  }
}
