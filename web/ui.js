// Everything the page shows, and nothing about how a call works.

import { comparison, count, duration, kbps, milliseconds, number, percent } from "./format.js";
import { onLanguage, plain, write } from "./i18n.js";
import { Line } from "./line.js";
import { Meter } from "./meter.js";

const PICTURES_PER_SECOND = 30;
const TRANSPORTS = { rtp: "transport.rtp", channel: "transport.channel", opus: "transport.opus" };
const byId = (id) => document.getElementById(id);

/** The page's elements, by what they are for; `el` is open to app.js for its listeners. */
export class Page {
  el = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));
  #line = new Line(byId("line"));
  #meters = { me: new Meter(byId("me-meter")), them: new Meter(byId("them-meter")) };
  #since = null;
  #onRetry = null;

  constructor() {
    this.el["problem-close"].addEventListener("click", () => this.clearProblem({ refocus: true }));
    this.el["problem-retry"].addEventListener("click", () => {
      const retry = this.#onRetry;
      this.clearProblem();
      retry?.();
    });
    this.el.skip.addEventListener("click", (event) => this.#skip(event));
    onLanguage(() => this.bitrate(Number(this.el.bitrate.value)));
    setInterval(() => this.#tick(), 500);
    this.#animate();
  }

  /** `phase` is lobby, joining or call. */
  set phase(phase) {
    document.body.dataset.phase = phase;
    const calling = phase === "call";
    this.el["join-form"].hidden = calling;
    this.el["try-microphone"].hidden = phase !== "lobby";
    for (const id of ["controls", "numbers", "instruments", "place"]) this.el[id].hidden = !calling;
    this.el.join.disabled = phase === "joining";
    write(this.el.join, phase === "joining" ? "join.waiting" : "join.button");
    this.#since = calling ? performance.now() : null;
    this.peer(null);
    if (!calling) this.levels({ me: 0, them: 0 });
    if (calling) this.el.headline.focus({ preventScroll: true });
  }

  /** Both are messages or keys. */
  headline(text, status = "") {
    write(this.el.headline, text);
    write(this.el.status, status);
  }

  alone(status) {
    this.headline("call.waiting", status);
  }

  /** Whether the connection is broken and being mended: controls that need the server wait. */
  reconnecting(on) {
    document.body.dataset.link = on ? "broken" : "whole";
    for (const id of ["denoise", "bitrate"]) this.el[id].disabled = on;
  }

  lobby(status = "") {
    this.headline("lobby.headline", status || "lobby.lead");
    write(this.el["me-name"], "voice.me");
    write(this.el["me-note"], "voice.me.outside");
    write(this.el["them-name"], "voice.nobody");
    write(this.el["them-note"], "voice.nobody.lobby");
    write(this.el.title, "page.title");
  }

  me(name, { muted, denoise }) {
    const both = denoise ? "voice.muted-denoised" : "voice.muted";
    write(this.el["me-name"], "voice.me.named", { name });
    write(this.el["me-note"], muted ? both : voiceNote(denoise));
    this.el.mute.setAttribute("aria-pressed", String(muted));
    this.el.denoise.setAttribute("aria-pressed", String(denoise));
    document.body.dataset.muted = String(muted);
  }

  peer(participant) {
    this.#line.connected = participant !== null;
    document.body.dataset.peer = participant ? "there" : "absent";
    this.el.invite.hidden = participant !== null || document.body.dataset.phase !== "call";
    if (participant) plain(this.el["them-name"], participant.name);
    else write(this.el["them-name"], "voice.nobody");
    write(this.el["them-note"], participant ? voiceNote(participant.denoise) : "voice.nobody.call");
  }

  room(name) {
    this.el["place-room"].textContent = name;
    write(this.el.title, "page.title.room", { room: name });
  }

  link(url) {
    this.el.link.value = url;
  }

  /** Whether the link was just copied: its buttons say so. */
  copied(on) {
    write(this.el.copy, on ? "link.done" : "link.copy");
    write(this.el.invite, on ? "link.done" : "link.copy-it");
  }

  bitrates(all) {
    const { bitrate } = this.el;
    [bitrate.min, bitrate.max, bitrate.step] = [all[0], all.at(-1), all.length > 1 ? all[1] - all[0] : 1];
  }

  bitrate(value) {
    this.el.bitrate.value = value;
    write(this.el.bitrate, "bitrate.spoken", { kbps: value }, "valuetext");
    const figure = document.createElement("b");
    figure.textContent = kbps(value);
    this.el["bitrate-value"].replaceChildren(figure, " kbit/s");
    write(this.el["bitrate-note"], comparison(value));
    const { min, max } = this.el.bitrate;
    this.el.bitrate.parentElement.style.setProperty("--share", (value - min) / (max - min));
    this.#line.bitrateKbps = value;
  }

  say(where, text, fields = {}) {
    write(this.el[`${where}-status`], text, fields);
  }

  trying(on) {
    this.el["try-microphone"].setAttribute("aria-pressed", String(on));
    write(this.el["microphone-hint"], on ? "microphone.trying" : "");
    this.levels({ me: 0 });
  }

  levels({ me, them }) {
    if (me !== undefined) this.#meters.me.level = this.#line.myLevel = me;
    if (them !== undefined) this.#meters.them.level = this.#line.theirLevel = them;
  }

  numbers({ stats, heard, skipped, transport, mediaRoundTripMs, socketRoundTripMs, lossUp, lossDown }) {
    const figures = {
      payload: `${number(stats.payload_kbps, 2)} kbit/s`,
      wire: `${number(stats.wire_kbps, 2)} kbit/s`,
      rtf: number(stats.encode_rtf, 3),
      rtt: milliseconds(mediaRoundTripMs),
      playout: milliseconds(heard.delayMs === null ? null : stats.playout_delay_ms + heard.delayMs),
      "loss-up": percent(lossUp),
      "loss-down": percent(lossDown),
      concealed: count(stats.downlink_concealed + heard.missing),
    };
    const [server, browser] = [milliseconds(stats.playout_delay_ms), milliseconds(heard.delayMs)];
    const notes = {
      rtf: { rtf: number(stats.decode_rtf, 3) },
      rtt: { rtt: milliseconds(socketRoundTripMs) },
      playout: { server, browser },
      "loss-up": { lost: stats.uplink_lost, late: stats.uplink_dropped, held: skipped },
      "loss-down": { lost: heard.missing, late: heard.late },
      concealed: { server: stats.downlink_concealed, browser: heard.missing, underruns: heard.underruns },
    };
    for (const [id, figure] of Object.entries(figures)) plain(this.el[`n-${id}`], figure);
    for (const [id, fields] of Object.entries(notes)) write(this.el[`n-${id}-note`], `numbers.${id}.note`, fields);
    write(this.el["n-transport"], TRANSPORTS[transport]);
  }

  clearNumbers() {
    for (const id of ["payload", "wire", "rtf", "rtt", "playout", "transport", "loss-up", "loss-down", "concealed"]) {
      plain(this.el[`n-${id}`], "–");
    }
  }

  /** Shows a Problem; `action` is the key of the text on the button that calls `onRetry`. */
  problem(problem, { onRetry = null, action = "problem.retry", focus = false } = {}) {
    write(this.el["problem-title"], problem.title);
    write(this.el["problem-text"], problem.text);
    write(this.el["problem-hint"], problem.hint);
    plain(this.el["problem-words"], problem.said);
    this.el["problem-said"].hidden = problem.said === "";
    this.el["problem-retry"].hidden = problem.final || onRetry === null;
    write(this.el["problem-retry"], action);
    this.el["problem-close"].hidden = problem.final;
    this.#onRetry = onRetry;
    this.el.problem.hidden = false;
    document.body.dataset.problem = problem.code;
    this.el.problem.scrollIntoView({ block: "nearest" });
    if (focus) this.el["problem-retry"].focus();
  }

  clearProblem({ refocus = false } = {}) {
    this.el.problem.hidden = true;
    delete document.body.dataset.problem;
    if (refocus) this.el.headline.focus();
  }

  /** To the first control. A jump within the page would cost a token its place in the address. */
  #skip(event) {
    event.preventDefault();
    const { name, room, join, mute } = this.el;
    const calling = document.body.dataset.phase === "call";
    (calling ? mute : [name, room].find((field) => !field.readOnly) ?? join).focus();
  }

  #tick() {
    if (this.#since !== null) this.el.clock.textContent = duration((performance.now() - this.#since) / 1000);
  }

  #animate() {
    let before = performance.now();
    const step = (now) => {
      requestAnimationFrame(step);
      if (now - before < 1000 / PICTURES_PER_SECOND - 2) return;
      const seconds = (now - before) / 1000;
      before = now;
      this.#line.draw(seconds, now / 1000);
      for (const meter of Object.values(this.#meters)) meter.draw(seconds, now);
    };
    requestAnimationFrame(step);
  }
}

function voiceNote(denoise) {
  return denoise ? "voice.denoised" : "voice.live";
}
