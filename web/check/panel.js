// The panel before a call: does the microphone hear me, do I hear the loudspeaker, does the network carry a call?

import { milliseconds, percent } from "../format.js";
import { message, write } from "../i18n.js";
import { Meter } from "../meter.js";
import { LevelJudge } from "./level.js";
import { NetworkCheck, STEPS } from "./network.js";
import { chime, playSamples } from "./play.js";

const RECORD_SECONDS = 5;
const FRAMES_PER_WORD = 38; // how often the verdict may change: half a second

/** `calls`: `begin()` comes before a microphone is opened, `open()` resolves to an audio path with it, `use(path or null)` says
 * which one is in use; `speaker()` is the loudspeaker, `join()` what to join with, `transports()` the ways to try. */
export class CheckPanel {
  #part;
  #calls;
  #meter;
  #ear = null; // the microphone's audio path while it records
  #network = null;
  #stopped = new AbortController();

  constructor(panel, calls) {
    this.#part = (name) => panel.querySelector(`#check-${name}`);
    this.#calls = calls;
    this.#meter = new Meter(this.#part("meter"));
    this.#part("voice").addEventListener("click", () => this.#alone("voice", () => this.#hearMyself()));
    this.#part("speaker").addEventListener("click", () => this.#alone("speaker", () => this.#chime()));
    this.#part("network").addEventListener("click", () => this.#alone("network", () => this.#tryNetwork()));
    panel.addEventListener("toggle", () => panel.open || this.stop());
  }

  /** Ends what runs: a call begins, or nobody looks any more. */
  stop() {
    this.#stopped.abort();
    this.#network?.stop();
    this.#release();
  }

  /** One at a time, and the buttons say so. */
  async #alone(name, act) {
    const buttons = ["voice", "speaker", "network"].map(this.#part);
    this.#stopped = new AbortController();
    buttons.forEach((button) => { button.disabled = true; });
    try {
      await act();
    } catch (problem) {
      this.#tell(name, problem.title ? message("check.failed", problem) : message("problem.connection.text", { words: problem.message }));
    } finally {
      this.#release();
      buttons.forEach((button) => { button.disabled = false; });
      this.#part(name).focus({ preventScroll: true }); // disabled, it had lost it
    }
  }

  async #hearMyself() {
    const { signal } = this.#stopped;
    this.#calls.begin();
    const ear = await this.#calls.open();
    if (signal.aborted) {
      ear.close();
      return;
    }
    this.#ear = ear;
    this.#calls.use(ear);
    this.#tell("voice", "check.voice.speak");
    const { samples, verdict } = await this.#record(signal);
    this.#release();
    if (signal.aborted) return;
    this.#tell("voice", `check.voice.${verdict}`);
    if (verdict === "nothing") return;
    await playSamples(samples, this.#calls.speaker(), signal);
  }

  /** What the microphone brings in the next seconds, with a verdict that shows all the while. */
  #record(signal) {
    const judge = new LevelJudge();
    const frames = [];
    const { frameSamples, frameRate, headerBytes } = this.#ear;
    return new Promise((resolve) => {
      const end = () => resolve({ samples: joined(frames), verdict: judge.verdict });
      signal.addEventListener("abort", end);
      this.#ear.onFrame = (buffer) => {
        const frame = new Int16Array(buffer, headerBytes, frameSamples);
        frames.push(frame);
        this.#meter.level = judge.add(frame);
        this.#meter.draw(1 / frameRate, performance.now());
        if (frames.length === FRAMES_PER_WORD) this.#tell("voice", "check.voice.listening");
        if (frames.length >= RECORD_SECONDS * frameRate) end();
      };
    });
  }

  async #chime() {
    this.#tell("speaker", "check.speaker.playing");
    await playSamples(chime(), this.#calls.speaker(), this.#stopped.signal);
    this.#tell("speaker", "check.speaker.heard");
  }

  async #tryNetwork() {
    const { signal } = this.#stopped;
    const list = this.#part("steps");
    list.replaceChildren();
    list.hidden = false;
    this.#tell("network", "check.network.running");
    this.#network = new NetworkCheck(this.#calls.transports(), (step, found) => list.append(line(step, found)));
    const found = await this.#network.run(this.#calls.join());
    this.#network = null;
    if (signal.aborted) {
      list.hidden = true;
      this.#tell("network", "");
      return;
    }
    list.replaceChildren(...STEPS.filter((step) => found.done.includes(step)).map((step) => line(step, found)));
    const missing = STEPS.find((step) => !found.done.includes(step));
    if (missing) list.append(line(missing, found, false));
    if (found.problem) this.#tell("network", message("check.failed", found.problem));
    else this.#tell("network", `check.verdict.${found.verdict}`, figures(found));
  }

  #release() {
    if (this.#ear === null) return;
    this.#ear.close();
    this.#ear = null;
    this.#meter.level = 0;
    this.#meter.draw(10, performance.now());
    this.#calls.use(null);
  }

  #tell(name, text, fields) {
    write(this.#part(`${name}-status`), text, fields);
  }
}

/** A step of the network's check, with what was found. */
function line(step, found, ok = true) {
  const item = document.createElement("li");
  item.dataset.ok = String(ok);
  if (ok) write(item, `check.step.${step}`, figures(found));
  else write(item, `check.step.${step}.failed`);
  return item;
}

function figures({ socketRoundTripMs, candidates, pair, roundTripMs, transport, delayMs, loss }) {
  return {
    socket: milliseconds(socketRoundTripMs),
    candidates: candidates ?? "–",
    pair: pair ?? "–",
    trip: milliseconds(roundTripMs),
    transport: transport ? message(`transport.${transport}`) : "–",
    delay: milliseconds(delayMs),
    loss: percent(loss ?? null),
  };
}

/** All frames as one sound at full scale 1. */
function joined(frames) {
  const all = new Float32Array(frames.reduce((sum, frame) => sum + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    for (const sample of frame) {
      all[at] = sample / 32768;
      at += 1;
    }
  }
  return all;
}
