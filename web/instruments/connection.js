// What the browser reports of a peer connection (RTCStatsReport), brought to what support asks for. No addresses, no
// names of hosts, no credentials. Pure functions.

const DTLS_VERSIONS = { FEFF: "DTLS 1.0", FEFD: "DTLS 1.2", FEFC: "DTLS 1.3" };

/** The facts of a connection {connectionState, iceConnectionState, reports}, flat; what a browser does not tell is null. */
export function describeConnection({ connectionState, iceConnectionState, reports }) {
  const byId = new Map(reports.map((report) => [report.id, report]));
  const transport = reports.find(({ type }) => type === "transport") ?? {};
  const pair = selectedPair(reports, transport);
  return {
    connection: connectionState,
    ice: iceConnectionState,
    ice_pair: pair ? `${candidate(byId.get(pair.localCandidateId))} – ${candidate(byId.get(pair.remoteCandidateId))}` : null,
    ice_round_trip_ms: inMs(pair?.currentRoundTripTime),
    ice_candidates_here: kinds(reports, "local-candidate"),
    ice_candidates_there: kinds(reports, "remote-candidate"),
    dtls: transport.dtlsState ?? null,
    dtls_version: DTLS_VERSIONS[transport.tlsVersion] ?? transport.tlsVersion ?? null,
    dtls_cipher: transport.dtlsCipher ?? null,
    srtp_cipher: transport.srtpCipher ?? null,
    ...traffic(reports, transport, pair),
  };
}

/** The pair that carries the sound, or null: by the transport's own word, else the one that was nominated. */
export function selectedPair(reports, transport = reports.find(({ type }) => type === "transport") ?? {}) {
  const pairs = reports.filter(({ type }) => type === "candidate-pair");
  return pairs.find(({ id }) => id === transport.selectedCandidatePairId)
    ?? pairs.find(({ nominated, state }) => nominated && state === "succeeded") ?? null;
}

/** How many candidates of which kind: "2 host, 1 relay". */
export function kinds(reports, type) {
  const counts = {};
  for (const report of reports) {
    if (report.type === type) counts[report.candidateType] = (counts[report.candidateType] ?? 0) + 1;
  }
  return Object.entries(counts).map(([kind, number]) => `${number} ${kind}`).join(", ") || null;
}

/** Counters that grow: `bytes_sent` and so on. A data channel has no jitter, and its losses are counted by frames alone. */
function traffic(reports, transport, pair) {
  const find = (wanted) => reports.find(({ type, kind }) => type === wanted && kind === "audio") ?? {};
  const [out, into, far] = ["outbound-rtp", "inbound-rtp", "remote-inbound-rtp"].map(find);
  const either = (name) => transport[name] ?? pair?.[name] ?? null;
  return {
    bytes_sent: either("bytesSent"),
    bytes_received: either("bytesReceived"),
    packets_sent: either("packetsSent"),
    packets_received: either("packetsReceived"),
    rtp_packets_sent: out.packetsSent ?? null,
    rtp_packets_received: into.packetsReceived ?? null,
    rtp_lost_up: far.packetsLost ?? null,
    rtp_lost_down: into.packetsLost ?? null,
    rtp_jitter_up_ms: inMs(far.jitter),
    rtp_jitter_down_ms: inMs(into.jitter),
  };
}

function candidate(report) {
  if (!report) return "?";
  const relay = report.candidateType === "relay" && report.relayProtocol ? ` by ${report.relayProtocol}` : "";
  return `${report.candidateType} ${report.protocol}${relay}`;
}

function inMs(seconds) {
  return seconds === undefined ? null : Math.round(seconds * 1e4) / 10;
}
