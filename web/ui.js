// Everything the page shows, and nothing about how a call works.

import { comparison, count, duration, kbps, milliseconds, number, percent } from "./format.js";
import { Line } from "./line.js";
import { Meter } from "./meter.js";

const PICTURES_PER_SECOND = 30;
const TRANSPORT_NAMES = { rtp: "PCM in RTP", channel: "PCM by data channel", opus: "Opus in RTP" };
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
    setInterval(() => this.#tick(), 500);
    this.#animate();
  }

  /** `phase` is lobby, joining or call. */
  set phase(phase) {
    document.body.dataset.phase = phase;
    const calling = phase === "call";
    this.el["join-form"].hidden = calling;
    this.el["try-microphone"].hidden = phase !== "lobby";
    for (const id of ["controls", "numbers", "place"]) this.el[id].hidden = !calling;
    this.el.join.disabled = phase === "joining";
    this.el.join.textContent = phase === "joining" ? "Joining …" : "Join the call";
    this.#since = calling ? performance.now() : null;
    if (!calling) this.peer(null);
    if (!calling) this.levels({ me: 0, them: 0 });
    if (calling) this.el.headline.focus({ preventScroll: true });
  }

  headline(text, status = "") {
    this.el.headline.textContent = text;
    this.el.status.textContent = status;
  }

  /** Whether the connection is broken and being mended: controls that need the server wait. */
  reconnecting(on) {
    document.body.dataset.link = on ? "broken" : "whole";
    for (const id of ["denoise", "bitrate"]) this.el[id].disabled = on;
  }

  lobby(status = "") {
    this.headline("Talk over a very thin\u00a0line.", status || "A call for two, at a few kilobits a second.");
    this.el["me-name"].textContent = "You";
    this.el["me-note"].textContent = "not in a call";
    this.el["them-name"].textContent = "Nobody yet";
    this.el["them-note"].textContent = "a call is for two";
    document.title = "thinline";
  }

  me(name, { muted, denoise }) {
    this.el["me-name"].textContent = `${name} (you)`;
    this.el["me-note"].textContent = [muted && "muted", denoise && "denoised"].filter(Boolean).join(", ") || "live";
    this.el.mute.setAttribute("aria-pressed", String(muted));
    this.el.denoise.setAttribute("aria-pressed", String(denoise));
    document.body.dataset.muted = String(muted);
  }

  peer(participant) {
    this.#line.connected = participant !== null;
    document.body.dataset.peer = participant ? "there" : "absent";
    this.el["them-name"].textContent = participant?.name ?? "Nobody yet";
    this.el["them-note"].textContent = participant ? (participant.denoise ? "denoised" : "live") : "the line ends here";
  }

  room(name) {
    this.el["place-room"].textContent = name;
    document.title = `${name} – thinline`;
  }

  link(url) {
    this.el.link.value = url;
  }

  bitrates(all) {
    const { bitrate } = this.el;
    [bitrate.min, bitrate.max, bitrate.step] = [all[0], all.at(-1), all.length > 1 ? all[1] - all[0] : 1];
  }

  bitrate(value) {
    this.el.bitrate.value = value;
    this.el.bitrate.setAttribute("aria-valuetext", `${kbps(value)} kilobits per second`);
    const figure = document.createElement("b");
    figure.textContent = kbps(value);
    this.el["bitrate-value"].replaceChildren(figure, " kbit/s");
    this.el["bitrate-note"].textContent = comparison(value);
    const { min, max } = this.el.bitrate;
    this.el.bitrate.parentElement.style.setProperty("--share", (value - min) / (max - min));
    this.#line.bitrateKbps = value;
  }

  say(where, text) {
    this.el[`${where}-status`].textContent = text;
  }

  microphones(devices, chosen) {
    const named = devices.filter(({ label }) => label);
    const options = [new Option("Default microphone", "")];
    for (const { deviceId, label } of named) options.push(new Option(label, deviceId));
    this.el.microphone.replaceChildren(...options);
    this.el.microphone.value = named.some(({ deviceId }) => deviceId === chosen) ? chosen : "";
  }

  trying(on) {
    this.el["try-microphone"].setAttribute("aria-pressed", String(on));
    this.el["microphone-hint"].textContent = on ? "Say something: the line above moves with your voice." : "";
    this.levels({ me: 0 });
  }

  levels({ me, them }) {
    if (me !== undefined) this.#meters.me.level = this.#line.myLevel = me;
    if (them !== undefined) this.#meters.them.level = this.#line.theirLevel = them;
  }

  numbers({ stats, heard, skipped, transport, mediaRoundTripMs, socketRoundTripMs, lossUp, lossDown }) {
    const [upLost, upLate, held] = [stats.uplink_lost, stats.uplink_dropped, skipped].map(count);
    const [serverConcealed, missing] = [stats.downlink_concealed, heard.missing].map(count);
    const text = {
      payload: `${number(stats.payload_kbps, 2)} kbit/s`,
      wire: `${number(stats.wire_kbps, 2)} kbit/s`,
      rtf: number(stats.encode_rtf, 3),
      "rtf-note": `decoder ${number(stats.decode_rtf, 3)}; smaller is better, 1 is too slow`,
      rtt: milliseconds(mediaRoundTripMs),
      "rtt-note": `by WebSocket ${milliseconds(socketRoundTripMs)}`,
      playout: milliseconds(heard.delayMs === null ? null : stats.playout_delay_ms + heard.delayMs),
      "playout-note": `server ${milliseconds(stats.playout_delay_ms)}, browser ${milliseconds(heard.delayMs)}`,
      transport: TRANSPORT_NAMES[transport],
      "transport-note": `the sound's way to the server`,
      "loss-up": percent(lossUp),
      "loss-up-note": `in all ${upLost} lost, ${upLate} late, ${held} held back`,
      "loss-down": percent(lossDown),
      "loss-down-note": `in all ${missing} lost, of these ${count(heard.late)} late`,
      concealed: count(stats.downlink_concealed + heard.missing),
      "concealed-note": `server ${serverConcealed}, browser ${missing}; underruns ${count(heard.underruns)}`,
    };
    for (const [id, value] of Object.entries(text)) this.el[`n-${id}`].textContent = value;
  }

  clearNumbers() {
    for (const id of ["payload", "wire", "rtf", "rtt", "playout", "transport", "loss-up", "loss-down", "concealed"]) {
      this.el[`n-${id}`].textContent = "–";
    }
  }

  /** Shows a Problem; `action` is the text of the button that calls `onRetry`. */
  problem(problem, { onRetry = null, action = "Try again", focus = false } = {}) {
    this.el["problem-title"].textContent = problem.title;
    this.el["problem-text"].textContent = problem.message;
    this.el["problem-hint"].textContent = problem.hint;
    this.el["problem-retry"].hidden = problem.final || onRetry === null;
    this.el["problem-retry"].textContent = action;
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
