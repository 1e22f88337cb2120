// Records two inputs side by side, and the wall clock at the start of each block.

const BLOCK = 1280;

class Tap extends AudioWorkletProcessor {
  constructor() {
    super();
    this.begin();
  }

  begin() {
    this.sent = new Float32Array(BLOCK);
    this.heard = new Float32Array(BLOCK);
    this.filled = 0;
  }

  process([sent, heard]) {
    if (this.filled === 0) this.stamp = Date.now();
    if (sent[0]) this.sent.set(sent[0], this.filled);
    if (heard[0]) this.heard.set(heard[0], this.filled);
    this.filled += 128;
    if (this.filled === BLOCK) {
      this.port.postMessage({ stamp: this.stamp, sent: this.sent, heard: this.heard });
      this.begin();
    }
    return true;
  }
}

registerProcessor("tap", Tap);
