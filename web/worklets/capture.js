// The microphone side: cuts the sound into frames, ready to be sent.
//
// Every frame leaves as one ArrayBuffer laid out as docs/signalling.md says, to the page or to the port that it gave; the
// sequence number is left blank, since only the sender knows it. Mute is applied here, whatever the transport: a muted
// microphone's sound never leaves this worklet, and frames of zeros go on, so that the stream and its clock do too.

const RAMP_SAMPLES = 120; // 5 ms: long enough not to click

class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.frameSamples = processorOptions.frameSamples;
    this.headerBytes = processorOptions.headerBytes;
    this.muted = Boolean(processorOptions.muted);
    this.gain = this.muted ? 0 : 1;
    this.sink = null;
    this.port.onmessage = ({ data }) => {
      if ("muted" in data) this.muted = data.muted;
      if ("sink" in data) this.sink = data.sink;
    };
    this.begin();
  }

  begin() {
    this.view = new DataView(new ArrayBuffer(this.headerBytes + 2 * this.frameSamples));
    this.filled = 0;
    this.energy = 0;
  }

  process(inputs, outputs) {
    const input = inputs[0][0]; // absent while no microphone is connected: silence then, so that the stream goes on
    const [output] = outputs[0]; // what goes into frames, for transports that take a track
    for (let i = 0; i < output.length; i += 1) output[i] = this.write(input ? input[i] : 0) / 32768;
    return true;
  }

  write(value) {
    const step = 1 / RAMP_SAMPLES;
    this.gain = this.muted ? Math.max(0, this.gain - step) : Math.min(1, this.gain + step);
    const sample = Math.max(-32768, Math.min(32767, Math.round(value * this.gain * 32768)));
    this.view.setInt16(this.headerBytes + 2 * this.filled, sample, true);
    this.energy += (sample / 32768) ** 2;
    this.filled += 1;
    if (this.filled === this.frameSamples) this.finish();
    return sample;
  }

  finish() {
    this.view.setUint32(4, Date.now() % 2 ** 32, true);
    const level = Math.sqrt(this.energy / this.frameSamples);
    const frame = this.view.buffer;
    this.sink?.postMessage(frame, [frame]);
    if (this.sink) this.port.postMessage({ level });
    else this.port.postMessage({ frame, level }, [frame]);
    this.begin();
  }
}

registerProcessor("thinline-capture", Capture);
