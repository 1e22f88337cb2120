// Runs in a page before its own scripts: remembers the audio nodes that the page makes, so that a tap can listen in,
// and the last message that it sent.

{
  const nodes = { streams: [] };
  const Node = window.AudioWorkletNode;
  const { connect } = AudioNode.prototype;
  const getUserMedia = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
  const { send } = RTCDataChannel.prototype;
  let blocks = [];
  let message = null;

  window.AudioWorkletNode = class extends Node {
    constructor(context, name, options) {
      super(context, name, options);
      nodes[name] = this;
    }
  };

  AudioNode.prototype.connect = function connectAndRemember(target, ...rest) {
    if (target === nodes["thinline-capture"]) nodes.microphone = this;
    return connect.call(this, target, ...rest);
  };

  RTCDataChannel.prototype.send = function sendAndRemember(data) {
    message = data;
    return send.call(this, data);
  };

  if (getUserMedia) {
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      const stream = await getUserMedia(constraints);
      nodes.streams.push(stream);
      return stream;
    };
  }

  async function start(workletSource) {
    const { microphone, "thinline-playback": loudspeaker } = nodes;
    const { context } = loudspeaker;
    const address = URL.createObjectURL(new Blob([workletSource], { type: "text/javascript" }));
    await context.audioWorklet.addModule(address);
    const tap = new Node(context, "tap", { numberOfInputs: 2, channelCount: 1, channelCountMode: "explicit" });
    tap.port.onmessage = ({ data }) => blocks.push(data);
    microphone.connect(tap, 0, 0);
    loudspeaker.connect(tap, 0, 1);
    tap.connect(context.destination);
  }

  /** What was recorded since the last call: {stamps: [ms, one a block], sent, heard: base64 of float32}. */
  function take() {
    const taken = blocks;
    blocks = [];
    return { stamps: taken.map(({ stamp }) => stamp), sent: encode(taken, "sent"), heard: encode(taken, "heard") };
  }

  function encode(taken, side) {
    const bytes = taken.map((block) => new Uint8Array(block[side].buffer));
    let text = "";
    for (const part of bytes) text += String.fromCharCode(...part);
    return btoa(text);
  }

  /** The last frame that went to the server, as samples. */
  const lastFrame = () => [...new Int16Array(message, 8)];
  const microphones = () => nodes.streams.flatMap((stream) => stream.getAudioTracks());
  window.tap = { start, take, lastFrame, microphones };
}
