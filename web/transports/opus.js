// Transport `opus`: an ordinary track each way, coded and played out by the browser. Slower than the others, and the
// voice is coded twice; but any browser can do it.

export class OpusTransport {
  #audio;
  counts = { sent: 0, skipped: 0, received: 0, malformed: 0 }; // the browser keeps its own

  static supported() {
    return true;
  }

  constructor(connection, audio) {
    this.#audio = audio;
    const { receiver } = connection.addTransceiver(audio.voice(), { direction: "sendrecv" });
    audio.playTrack(receiver.track);
  }

  close() {
    this.#audio.playTrack(null);
  }
}
