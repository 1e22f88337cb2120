// One call as those who look into a fault want it: groups of flat fields, units in their names, null where nothing is known.
// It holds no token, no credential, no address, and neither the room's name, which lets people in, nor anybody's name.

import { describeConnection } from "./connection.js";

/** `facts` are the session's, `audio` the audio path's description, `state` the page's own. `before` is the record of a
 * moment ago, by which rates are measured. */
export function supportRecord(facts, audio, state, before = null) {
  const { stats, heard, counts } = facts;
  const way = facts.connection === null ? {} : describeConnection(facts.connection);
  const seconds = before === null ? 0 : (state.nowMs - before.call.time_ms) / 1000;
  const rate = (name) => kbps(way[name], before?.way[name], seconds);
  return {
    call: {
      session: facts.session,
      time_ms: Math.round(state.nowMs),
      seconds: Math.round(state.seconds),
      transport: facts.transport,
      breaks: facts.breaks,
      bitrate_kbps: state.bitrateKbps,
      other_there: state.otherThere,
      muted: state.muted,
      denoise: state.denoise,
      other_denoise: state.otherDenoise,
    },
    codec: {
      model_id: facts.codec.model_id,
      preset: facts.codec.preset,
      engine: facts.codec.engine,
      encode_rtf: stats?.encode_rtf ?? null,
      encode_step_ms: stepMs(stats?.encode_rtf, facts.codec),
      decode_rtf: stats?.decode_rtf ?? null,
      decode_step_ms: stepMs(stats?.decode_rtf, facts.codec),
      payload_kbps: stats?.payload_kbps ?? null,
      packets_kbps: stats?.wire_kbps ?? null,
      redundancy_copies: stats?.redundancy ?? 0,
    },
    way: { ...way, sent_kbps: rate("bytes_sent"), received_kbps: rate("bytes_received"), socket_round_trip_ms: tenths(facts.socketRoundTripMs) },
    up: {
      frames_sent: counts?.sent ?? null,
      frames_skipped: counts?.skipped ?? null,
      frames_arrived: stats?.uplink_frames ?? null,
      frames_lost: stats?.uplink_lost ?? null,
      frames_too_late: stats?.uplink_dropped ?? null,
    },
    down: {
      server_decoded: stats?.downlink_played ?? null,
      server_concealed: stats?.downlink_concealed ?? null,
      server_noise: stats?.downlink_noise ?? null,
      server_dropped: stats?.downlink_dropped ?? 0,
      server_playout_ms: tenths(stats?.playout_delay_ms),
      frames_received: counts?.received ?? null,
      frames_malformed: counts?.malformed ?? null,
      frames_played: heard?.played ?? null,
      frames_missing: heard?.missing ?? null,
      frames_late: heard?.late ?? null,
      frames_cut: heard?.skipped ?? null,
      underruns: heard?.underruns ?? null,
      playout_ms: tenths(heard?.delayMs),
    },
    devices: {
      microphone: audio.microphone || null,
      microphone_rate_hz: audio.settings.sampleRate ?? null,
      echo_cancellation: audio.settings.echoCancellation ?? null,
      noise_suppression: audio.settings.noiseSuppression ?? null,
      auto_gain_control: audio.settings.autoGainControl ?? null,
      loudspeaker: state.loudspeaker || null,
      page_rate_hz: audio.sampleRate,
      sound: audio.state,
      base_latency_ms: asMs(audio.baseLatency),
      output_latency_ms: asMs(audio.outputLatency),
    },
    browser: { ...state.browser },
  };
}

/** The browser, as far as it tells. */
export function describeBrowser({ userAgent, language, hardwareConcurrency, connection }, pageLanguage) {
  return {
    user_agent: userAgent,
    language,
    page_language: pageLanguage,
    cores: hardwareConcurrency ?? null,
    network: connection?.effectiveType ?? null,
  };
}

/** RTF is compute seconds for a second of sound; a step makes one frame. */
function stepMs(rtf, { sample_rate: rate, hop }) {
  return rtf === undefined ? null : Math.round(((1e5 * rtf * hop) / rate)) / 100;
}

function kbps(bytes, bytesBefore, seconds) {
  if (typeof bytes !== "number" || typeof bytesBefore !== "number" || seconds <= 0 || bytes < bytesBefore) return null;
  return Math.round((80 * (bytes - bytesBefore)) / seconds / 1000) / 10;
}

function tenths(value) {
  return value === null || value === undefined ? null : Math.round(10 * value) / 10;
}

function asMs(value) {
  return value === undefined ? null : tenths(1000 * value);
}
