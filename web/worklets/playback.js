// The loudspeaker side: parses the frames that came, plays them through the playout buffer, and reports. Frames come from
// the page, or straight from a worker by a port that the page passes on.

import { Playout } from "./playout.js";

const REPORT_SAMPLES = 960; // 40 ms: often enough for a level meter

class Playback extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.headerBytes = processorOptions.headerBytes;
    this.frameSamples = processorOptions.frameSamples;
    this.options = processorOptions;
    this.playout = new Playout(processorOptions);
    this.energy = 0;
    this.sinceReport = 0;
    this.sinceDelay = 0;
    this.delayMs = null;
    this.source = null;
    this.port.onmessage = ({ data }) => {
      if (data.frame) this.receive(new DataView(data.frame));
      if (data.source) this.follow(data.source);
      if (data.anew) this.startAnew();
    };
  }

  /** A new stream may have any numbers; what was counted stays. */
  startAnew() {
    const { counts } = this.playout;
    this.playout = new Playout(this.options);
    Object.assign(this.playout.counts, counts);
  }

  follow(source) {
    this.source?.close();
    this.source = source;
    source.onmessage = ({ data }) => this.receive(new DataView(data));
  }

  receive(view) {
    const samples = new Float32Array(this.frameSamples);
    for (let i = 0; i < samples.length; i += 1) samples[i] = view.getInt16(this.headerBytes + 2 * i, true) / 32768;
    this.playout.push(view.getUint32(0, true), samples, currentFrame);
  }

  process(inputs, outputs) {
    const [first, ...others] = outputs[0];
    const [track] = inputs[0]; // a remote track that the browser plays out, if there is one
    if (track) first.set(track);
    else this.playout.pull(first, currentFrame);
    for (const channel of others) channel.set(first);
    for (const sample of first) this.energy += sample * sample;
    this.sinceReport += first.length;
    if (this.sinceReport >= REPORT_SAMPLES) this.report();
    return true;
  }

  report() {
    this.sinceDelay += this.sinceReport;
    if (this.sinceDelay >= sampleRate) {
      const delay = this.playout.takeDelay();
      this.delayMs = delay === null ? null : (1000 * delay) / sampleRate;
      this.sinceDelay = 0;
    }
    const level = Math.sqrt(this.energy / this.sinceReport);
    this.port.postMessage({ level, delayMs: this.delayMs, ...this.playout.counts });
    this.sinceReport = 0;
    this.energy = 0;
  }
}

registerProcessor("thinline-playback", Playback);
