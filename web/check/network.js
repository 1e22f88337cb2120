// Whether a call would work from here: a call with nobody but oneself (`check` in docs/signalling.md), through the same
// socket, peer connection, transports and codec as any other, with a hum instead of a microphone.

import { AudioPath } from "../audio.js";
import { Problem } from "../errors.js";
import { describeConnection } from "../instruments/connection.js";
import { Session } from "../session.js";
import { EchoMeter, hum } from "./echo.js";

export const STEPS = ["socket", "candidates", "connection", "sound"];
const POLL_MS = 30; // the analysers' windows are twice as long and more
const REPORTS = 6; // the server's seconds that are listened to, once sound comes
const PATIENCE_MS = 25_000; // the server ends a check after 30 s
const LOSSY_SHARE = 0.03;
const SLOW_MS = 400; // mouth to ear: from there on people talk into each other (ITU-T G.114)

export class NetworkCheck {
  #transports;
  #onStep;
  #audio = null;
  #session = null;
  #meter = null;
  #taps = null;
  #reports = 0;
  #found = { done: [], problem: null };
  #settle;
  #settled = new Promise((resolve) => { this.#settle = resolve; });

  /** `onStep(step, found)` gets each of STEPS as it is done. */
  constructor(transports, onStep) {
    this.#transports = transports;
    this.#onStep = onStep;
  }

  /** Tries it with {room, bitrateKbps, token}, and resolves to what was found: `done`, the steps that went well, `problem`
   * or null, and the figures of each step. It never rejects. */
  async run(join) {
    const timers = [];
    try {
      this.#audio = await AudioPath.openSilent(hum);
      this.#taps = this.#audio.tap();
      this.#meter = new EchoMeter(this.#taps);
      timers.push(setInterval(() => this.#meter.poll(), POLL_MS));
      timers.push(setTimeout(() => this.#end(new Problem("check-slow")), PATIENCE_MS));
      this.#session = new Session(this.#audio, this.#transports, (type, detail) => this.#hear(type, detail));
      this.#session.join({ ...join, name: "check", denoise: false, check: true });
      await this.#settled;
    } catch (error) {
      this.#end(error instanceof Problem ? error : new Problem("connection", { words: error.message }));
    }
    timers.forEach((timer) => clearTimeout(timer));
    this.#session?.leave();
    this.#audio?.close();
    return this.#found;
  }

  /** Breaks it off. */
  stop() {
    this.#end(null);
  }

  #end(problem) {
    this.#found.problem ??= problem;
    this.#settle();
  }

  #hear(type, detail) {
    if (type === "problem") this.#end(detail);
    else if (type === "reconnecting") this.#end(new Problem("server-gone"));
    else if (type === "joined") this.#done("socket", {});
    else if (type === "numbers") this.#look(detail).catch((error) => this.#end(new Problem("connection", { words: error.message })));
  }

  async #look(numbers) {
    const facts = await this.#session.facts();
    if (facts.connection === null) return;
    const way = describeConnection(facts.connection);
    const connected = way.connection === "connected";
    this.#done("socket", { socketRoundTripMs: facts.socketRoundTripMs });
    if (way.ice_candidates_here) this.#done("candidates", { candidates: way.ice_candidates_here });
    if (connected) this.#done("connection", { pair: way.ice_pair, roundTripMs: way.ice_round_trip_ms });
    if (connected && numbers.stats.downlink_played > 0) this.#done("sound", { transport: facts.transport });
    if (!this.#found.done.includes("sound")) return;
    this.#reports += 1;
    if (this.#reports < REPORTS) return;
    Object.assign(this.#found, judge(numbers, this.#meter.delayMs));
    this.#end(null);
  }

  #done(step, figures) {
    Object.assign(this.#found, figures);
    if (this.#found.done.includes(step)) return;
    this.#found.done.push(step);
    this.#onStep(step, this.#found);
  }
}

/** The verdict on sound that came through: good, slow, lossy, or none where what came back was not what was sent. */
export function judge({ lossUp, lossDown, stats }, delayMs) {
  const loss = Math.max(lossUp ?? 0, lossDown ?? 0);
  const passable = loss > LOSSY_SHARE ? "lossy" : delayMs > SLOW_MS ? "slow" : "good";
  return { verdict: delayMs === null ? "none" : passable, delayMs, loss, encodeRtf: stats.encode_rtf };
}
