// The worker of transport `rtp`: between the audio worklets and the packets of the track.

const HELD_FRAMES = 4; // so many may wait for the encoder's beat; beyond that the oldest is skipped
const REPORT_MS = 500;

const waiting = [];
const counts = { sent: 0, skipped: 0, received: 0, malformed: 0 };
let sequence = 0;
let beating = false; // the encoder runs once the connection stands; nobody misses what was said before
let played = null;
let frameBytes = 0;

onmessage = ({ data }) => {
  ({ played, frameBytes } = data);
  data.captured.onmessage = (event) => hold(event.data);
};

onrtctransform = ({ transformer: { readable, writable, options } }) => {
  const transform = options.side === "send" ? fill : take;
  readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable).catch(() => {}); // it ends with the call
};

function hold(frame) {
  if (!beating) return;
  new DataView(frame).setUint32(0, sequence, true);
  sequence = (sequence + 1) >>> 0;
  waiting.push(frame);
  if (waiting.length > HELD_FRAMES) {
    waiting.shift();
    counts.skipped += 1;
  }
}

/** The encoder made a packet: it carries the next frame, or is dropped where none waits. */
function fill(packet, controller) {
  beating = true;
  if (waiting.length === 0) return;
  packet.data = waiting.shift();
  controller.enqueue(packet);
  counts.sent += 1;
}

/** A packet came: the playout has its own buffer, so the browser's gets nothing. */
function take(packet) {
  const frame = packet.data;
  if (frame.byteLength !== frameBytes) {
    counts.malformed += 1;
    return;
  }
  counts.received += 1;
  played?.postMessage(frame, [frame]);
}

setInterval(() => postMessage(counts), REPORT_MS);
