// Microphone, loudspeaker and the two worklets between them and the call.

import { Problem, microphoneProblem, serverUnreachable } from "./errors.js";

export const SAMPLE_RATE = 24000;
export const FRAME_SAMPLES = 320;
const ANALYSIS = { fftSize: 2048, smoothingTimeConstant: 0, minDecibels: -100, maxDecibels: -25 };
const HEADER_BYTES = 8; // of a frame as docs/signalling.md lays it out

/** What the browser shall do to the microphone's sound. Two noise suppressors in a row muddle a voice, so it is ours or
 * the browser's. `raw` is for tests and for those who measure: then nothing is touched. */
export function processing({ denoise, raw }) {
  return { echoCancellation: !raw, noiseSuppression: !raw && !denoise, autoGainControl: !raw };
}

/** Opened by `AudioPath.open`; `close` releases the microphone. Assign onFrame(buffer), onLevel(rms), onReport(report),
 * onLost() (the microphone is gone) and onSuspended() (the browser holds the sound back) to hear from it. */
export class AudioPath {
  frameBytes = HEADER_BYTES + 2 * FRAME_SAMPLES;
  frameSamples = FRAME_SAMPLES;
  frameRate = SAMPLE_RATE / FRAME_SAMPLES;
  headerBytes = HEADER_BYTES;
  onFrame = () => {};
  onLevel = () => {};
  onReport = () => {};
  onLost = () => {};
  onSuspended = () => {};
  #context;
  #capture;
  #playback;
  #silence;
  #ends = []; // of tracks that are sent
  #remote = null;
  #stream = null;
  #source = null;
  #wanted;
  #changes = Promise.resolve();

  /** A path without devices, to try the way: the node that `signal(context)` makes is what speaks, and what comes back is
   * heard by nobody. Throws a Problem. */
  static openSilent(signal) {
    return AudioPath.#started(new AudioContext({ sampleRate: SAMPLE_RATE }), { signal });
  }

  /** Opens the microphone (all rates by the browser) and starts the worklets. Throws a Problem. */
  static open({ deviceId, treatment }) {
    const context = new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: "interactive" });
    return AudioPath.#started(context, { deviceId, treatment });
  }

  static async #started(context, wanted) {
    const path = new AudioPath(context, wanted);
    try {
      await path.#start();
    } catch (error) {
      path.close();
      throw error;
    }
    return path;
  }

  constructor(context, wanted) {
    this.#context = context;
    this.#wanted = wanted;
  }

  /** Whether this browser lets a page choose the loudspeaker. */
  static get choosesSpeakers() {
    return "setSinkId" in AudioContext.prototype;
  }

  get deviceId() {
    return this.#stream?.getAudioTracks()[0].getSettings().deviceId ?? "";
  }

  get microphoneName() {
    return this.#stream?.getAudioTracks()[0].label ?? "";
  }

  /** The devices and how they run, for those who look into a fault; settings are the browser's (MediaTrackSettings). */
  describe() {
    const [track] = this.#stream?.getAudioTracks() ?? [];
    const { sampleRate, baseLatency, outputLatency, state } = this.#context;
    return { microphone: track?.label ?? "", settings: track?.getSettings() ?? {}, sampleRate, baseLatency, outputLatency, state };
  }

  get running() {
    return this.#context.state === "running";
  }

  /** Browsers may hold the sound back until the user touches the page. */
  async resume() {
    await this.#context.resume();
  }

  set muted(on) {
    this.#capture.port.postMessage({ muted: on });
  }

  /** Plays one frame, a buffer laid out as docs/signalling.md says. */
  play(frame) {
    this.#playback.port.postMessage({ frame }, [frame]);
  }

  /** A port on which the microphone's frames come, past this thread; with null they come to onFrame again. */
  captureTo(nothing) {
    const { port1, port2 } = new MessageChannel();
    if (nothing === null) this.#capture.port.postMessage({ sink: null });
    else this.#capture.port.postMessage({ sink: port1 }, [port1]);
    return port2;
  }

  /** A port that takes frames to play, past this thread. */
  playFrom() {
    const { port1, port2 } = new MessageChannel();
    this.#playback.port.postMessage({ source: port1 }, [port1]);
    return port2;
  }

  /** What is played from now on has nothing to do with what was played. */
  startAnew() {
    this.#playback.port.postMessage({ anew: true });
  }

  /** A silent track in step with the microphone's frames. */
  beat() {
    return this.#trackFrom(this.#silence);
  }

  /** The microphone's sound as a track, mute applied. */
  voice() {
    return this.#trackFrom(this.#capture);
  }

  /** Plays a remote track in place of frames; null ends that. */
  playTrack(track) {
    this.#remote?.source.disconnect();
    if (this.#remote) this.#remote.element.srcObject = null;
    this.#remote = null;
    if (track === null) return;
    const stream = new MediaStream([track]);
    const element = new Audio(); // Chromium gives out no remote sound without one
    element.muted = true;
    element.srcObject = stream;
    element.play().catch(() => {}); // it was let go before it began
    const source = this.#context.createMediaStreamSource(stream);
    source.connect(this.#playback);
    this.#remote = { element, source };
  }

  /** Two analysers: `said`, the microphone's sound as it is sent, mute applied; `heard`, what is played here. They cost
   * something until they are released. */
  tap() {
    const follow = (node) => {
      const analyser = new AnalyserNode(this.#context, ANALYSIS);
      node.connect(analyser);
      return analyser;
    };
    const said = follow(this.#capture);
    const heard = follow(this.#playback);
    const release = () => {
      this.#capture.disconnect(said);
      this.#playback.disconnect(heard);
    };
    return { said, heard, release };
  }

  #trackFrom(node) {
    const end = new MediaStreamAudioDestinationNode(this.#context, { channelCount: 1 });
    this.#ends.forEach((other) => other.disconnect());
    this.#ends = [{ disconnect: () => node.disconnect(end) }];
    node.connect(end);
    return end.stream.getAudioTracks()[0];
  }

  /** Changes to another microphone. Throws a Problem; then the old one stays. */
  useMicrophone(deviceId) {
    this.#wanted = { ...this.#wanted, deviceId };
    return this.#inTurn(() => this.#connectMicrophone());
  }

  /** Plays by another loudspeaker; "" is the system's own. Throws what the browser throws; then the old one stays. */
  async useSpeaker(deviceId) {
    if (AudioPath.choosesSpeakers && deviceId !== this.#context.sinkId) await this.#context.setSinkId(deviceId);
  }

  /** Changes what the browser does to the sound. Chromium ignores the wish for as long as any track of the microphone
   * is alive, so that it is let go and opened anew: silence for a moment. Throws a Problem where that fails. */
  treat(treatment) {
    this.#wanted = { ...this.#wanted, treatment };
    return this.#inTurn(async () => {
      await this.#stream.getAudioTracks()[0].applyConstraints(treatment).catch(() => {});
      const settings = this.#stream.getAudioTracks()[0].getSettings();
      if (!Object.keys(treatment).some((name) => name in settings && settings[name] !== treatment[name])) return;
      this.#release();
      await this.#connectMicrophone();
    });
  }

  close() {
    this.#release();
    if (this.#context.state !== "closed") this.#context.close();
  }

  /** One change at a time: two that overlap would leave a microphone open that nobody knows of. */
  #inTurn(change) {
    const turn = this.#changes.then(() => (this.#context.state === "closed" ? undefined : change()));
    this.#changes = turn.catch(() => {});
    return turn;
  }

  #release() {
    this.#source?.disconnect();
    this.#stream?.getTracks().forEach((track) => track.stop());
  }

  async #start() {
    await this.#loadWorklets();
    this.#buildNodes();
    if (this.#wanted.signal) this.#wanted.signal(this.#context).connect(this.#capture);
    else await this.#connectMicrophone();
    this.#context.onstatechange = () => {
      if (["suspended", "interrupted"].includes(this.#context.state)) this.onSuspended();
    };
    this.#context.resume().catch(() => {}); // may stay pending until the user touches the page: see `running`
  }

  async #loadWorklets() {
    const load = (name) => this.#context.audioWorklet.addModule(new URL(`worklets/${name}.js`, import.meta.url));
    await Promise.all([load("capture"), load("playback")]).catch(() => {
      throw serverUnreachable(); // they are the only files that the page loads late
    });
  }

  #buildNodes() {
    const processorOptions = { frameSamples: FRAME_SAMPLES, headerBytes: HEADER_BYTES };
    const mono = { channelCount: 1, channelCountMode: "explicit", outputChannelCount: [1] };
    this.#capture = new AudioWorkletNode(this.#context, "thinline-capture", { ...mono, processorOptions });
    const playback = { ...mono, processorOptions };
    this.#playback = new AudioWorkletNode(this.#context, "thinline-playback", playback);
    this.#capture.port.onmessage = ({ data: { frame, level } }) => {
      if (frame) this.onFrame(frame);
      this.onLevel(level);
    };
    this.#playback.port.onmessage = ({ data }) => this.onReport(data);
    this.#silence = new GainNode(this.#context, { gain: 0 });
    this.#capture.connect(this.#silence).connect(this.#context.destination); // an unconnected node may not be run
    this.#playback.connect(this.#wanted.signal ? this.#silence : this.#context.destination);
  }

  async #openMicrophone() {
    const { deviceId, treatment } = this.#wanted;
    const audio = { ...treatment, channelCount: 1, deviceId: deviceId ? { exact: deviceId } : undefined };
    return navigator.mediaDevices.getUserMedia({ audio }).catch((error) => {
      throw microphoneProblem(error);
    });
  }

  async #connectMicrophone() {
    const stream = await this.#openMicrophone();
    if (this.#context.state === "closed") stream.getTracks().forEach((track) => track.stop());
    else this.#attach(stream);
  }

  #attach(stream) {
    let source;
    try {
      source = this.#context.createMediaStreamSource(stream);
    } catch {
      stream.getTracks().forEach((track) => track.stop());
      throw new Problem("resampling", { kilohertz: SAMPLE_RATE / 1000 });
    }
    this.#release();
    this.#source = source;
    this.#stream = stream;
    source.connect(this.#capture);
    stream.getAudioTracks()[0].onended = () => this.onLost();
  }
}
