"""One direction of a call, frame by frame: state and bookkeeping around an engine.

Each frame goes in two phases, so that steps of many streams can be computed together: `begin` says which network step
is due, `finish` takes its result. `push` and `pull` do both for one stream alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

import numpy as np

from codec.conceal import Concealment
from codec.engine.base import Codes, DecodeStep, EncodeStep, Engine, Pcm, State
from codec.highband import SHARES, USUAL_SHARES, HighBandControl
from codec.packet import FRAME_INDEX_MODULUS, SEQUENCE_MODULUS, Packet, PacketError, entropy_coded, short_model_id
from codec.ratecontrol import RateControl
from codec.redundancy import MAX_FRAMES_BACK, NO_REDUNDANCY, Copy

_LOUDEST = np.float32(1.0)
_SILENT_POWER = 1e-9  # a frame's mean square, -90 dBFS: what a microphone gives before it is let in, or muted
SILENCE = object()  # stands in the decoder's queue for a frame of comfort noise


class StreamEncoder:
    """PCM in, packets out. Belongs to one thread; that thread may change `n_q` and denoising at any time.

    With `variable`, codes are entropy-coded, and `n_q` says how many bytes frames get in the mean: as many as so many
    codes take that are not (codec/ratecontrol.py). Raises ValueError where that can't be:
    the frames of one packet have one number of quantizers.
    """

    def __init__(
        self, engine: Engine, n_q: int, denoise: bool = False, frames_per_packet: int = 1, variable: bool = False
    ) -> None:
        if variable and frames_per_packet > 1:
            raise ValueError(f"a variable bitrate needs packets of one frame, not {frames_per_packet}")
        self.engine, self.frames_per_packet, self.variable = engine, frames_per_packet, variable
        self._model = short_model_id(engine.model_id)
        self.n_q = n_q
        self._target = float(denoise)
        self.redundancy = NO_REDUNDANCY  # whoever knows what the line loses may set it, on any thread
        self.compute_seconds = 0.0
        self.frames = 0
        self.reset()

    def reset(self) -> None:
        """Back to silence before the first frame; bitrate and denoising stay as they are set."""
        self._state = self.engine.encoder_state()
        self._pending = np.zeros(0, dtype=np.float32)
        self._group: list[Codes] = []
        self._group_n_q = self.n_q
        self._mode = self._target
        self._rate_control = RateControl(self.engine.config) if self.variable else None
        self._high_band = HighBandControl()
        self.frame_index = 0
        self.sequence = 0
        self._sent: deque[Packet] = deque(maxlen=MAX_FRAMES_BACK)

    @property
    def n_q(self) -> int:
        return self._n_q

    @n_q.setter
    def n_q(self, n_q: int) -> None:
        """Takes effect with the next packet. Raises ValueError for a number of quantizers that there is not."""
        if not 1 <= n_q <= self.engine.config.quantizers:
            raise ValueError(f"n_q {n_q} is outside 1..{self.engine.config.quantizers}")
        self._n_q = n_q

    @property
    def denoise(self) -> bool:
        return self._target == 1.0

    def set_denoise(self, on: bool) -> int:
        """Ramps to the mode from the next frame on -> that frame's index."""
        self._target = float(on)
        return self.frame_index

    def push(self, pcm: Pcm) -> list[Packet]:
        """pcm [n] in [-1, 1], any n -> the packets that became whole."""
        hop, packets = self.engine.config.hop, list[Packet]()
        self._pending = np.concatenate([self._pending, np.asarray(pcm, dtype=np.float32)])
        whole = len(self._pending) // hop * hop
        frames, self._pending = self._pending[:whole].reshape(-1, hop), self._pending[whole:]
        for frame in frames:
            step = self._begin(frame)
            started = time.thread_time()
            result = self.engine.encode(*step)
            packet = self.finish(result, time.thread_time() - started)
            if packet is not None:
                packets.append(packet)
        return packets

    def begin(self, frame: Pcm) -> EncodeStep:
        """frame [hop] in [-1, 1] -> the step that it needs, whose result goes to `finish` before the next `begin`.

        Raises ValueError while part of a frame waits, which only `push` can complete.
        """
        if len(self._pending):
            raise ValueError(f"{len(self._pending)} samples of a frame wait: push the rest first")
        return self._begin(frame)

    def finish(self, result: tuple[Codes, State], seconds: float) -> Packet | None:
        """Takes the step's result and what it cost, its fair share of a batch -> the packet that became whole."""
        codes, self._state = result
        self.compute_seconds += seconds
        self.frames += 1
        self.frame_index = (self.frame_index + 1) % FRAME_INDEX_MODULUS
        self._group.append(codes)
        self._high_band.hear(self.engine.high_powers(self._state))
        return self._packet() if len(self._group) == self.frames_per_packet else None

    def flush(self) -> list[Packet]:
        """Ends the stream: the last partial frame, filled up with zeros, and the last partial packet."""
        packets = self.push(np.zeros(-len(self._pending) % self.engine.config.hop, dtype=np.float32))
        return [*packets, self._packet()] if self._group else packets

    def skip(self, frames: int) -> None:
        """Frames that were lost before they got here: the index goes on; the sequence and the state stay."""
        if self._group:
            raise ValueError(f"{len(self._group)} frames of a group are not sent yet: flush first")
        self.frame_index = (self.frame_index + frames) % FRAME_INDEX_MODULUS

    def _begin(self, frame: Pcm) -> EncodeStep:
        if not self._group:
            self._group_n_q = self._rate_control.choose(frame, self.n_q) if self._rate_control else self.n_q
        if self._mode != self._target:
            ramp = 1 / self.engine.config.denoise_ramp_frames
            self._mode += float(np.clip(self._target - self._mode, -ramp, ramp))
        # A denoiser would learn from silence that every noise after it is loud; so it does not hear any.
        heard = self._mode > 0 and np.dot(frame, frame) >= _SILENT_POWER * len(frame)
        return EncodeStep(frame, self._group_n_q, self._mode if heard else 0.0, self._state)

    def _packet(self) -> Packet:
        first = (self.frame_index - len(self._group)) % FRAME_INDEX_MODULUS
        codes = tuple(zip(*[frame.tolist() for frame in self._group], strict=True))
        copies = tuple(self._copies(first)) if self.redundancy.packets_back else ()
        coded = entropy_coded(codes, self.engine.code_model) if self._rate_control else b""
        high = self._high_band.say(self.n_q)
        fields = (self.sequence, first, self._group_n_q, codes, self._model, self.denoise)
        packet = Packet(*fields, copies=copies, coded=coded, high_band=high)
        if self._rate_control:
            self._rate_control.account(packet.payload_bytes)
        self._sent.append(packet)
        self.sequence = (self.sequence + 1) % SEQUENCE_MODULUS
        self._group = []
        return packet

    def _copies(self, first: int) -> Iterator[Copy]:
        """Of what was sent before, as far as a packet that begins with frame `first` can reach back."""
        redundancy = self.redundancy
        for back in redundancy.packets_back:
            if back > len(self._sent):
                return
            older = self._sent[-back]
            frames_back = (first - older.frame_index) % FRAME_INDEX_MODULUS
            if frames_back > MAX_FRAMES_BACK:
                return
            yield Copy(frames_back, older.codes[: redundancy.n_q])


class StreamDecoder:
    """Packets in when they come, PCM out when it is due. Belongs to one thread.

    Plays what was pushed in order; a jitter buffer in front decides what comes and what counts as lost. When
    nothing is there it conceals, then plays comfort noise; `played`, `concealed` and `noise` count frames.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._model = short_model_id(engine.model_id)
        self.played = self.concealed = self.noise = 0
        self.compute_seconds = 0.0
        self.reset()

    def reset(self) -> None:
        """Back to silence before the first frame; the counters stay."""
        self._state = self.engine.decoder_state()
        self._queue: deque[tuple[Codes | object, int | None]] = deque()
        self._shares = USUAL_SHARES
        self._silence = False  # comfort noise was asked for, for the frame that was begun
        self._begun = False  # sound has been played
        self._end: int | None = None
        self._concealment = Concealment(self.engine.config.hop)

    @property
    def waiting(self) -> int:
        """Frames pushed and not yet pulled."""
        return len(self._queue)

    @property
    def quiet(self) -> bool:
        """Whether a frame more or less would not be heard, after what was pulled last."""
        return self._concealment.quiet

    def push(self, packet: Packet) -> None:
        """Raises PacketError for a packet of another model, or one older than what was pushed before."""
        if packet.model_id != self._model:
            raise PacketError(f"packet of model {packet.model_id:04x}, this stream decodes {self._model:04x}")
        if self._end is not None and (packet.frame_index - self._end) % FRAME_INDEX_MODULUS >= FRAME_INDEX_MODULUS // 2:
            raise PacketError(f"packet begins at frame {packet.frame_index}, after frame {self._end} was reached")
        self._end = (packet.frame_index + packet.frames) % FRAME_INDEX_MODULUS
        if packet.silence:
            self._queue.extend([(SILENCE, None)] * packet.frames)
        else:
            columns = zip(*packet.codes, strict=True)
            self._queue.extend((np.array(column, dtype=np.int16), packet.high_band) for column in columns)

    def pull(self, n_frames: int = 1) -> Pcm:
        """-> pcm [n_frames * hop] in [-1, 1]; never waits, never fails."""
        return np.concatenate([self._next() for _ in range(n_frames)])

    def begin(self) -> DecodeStep | None:
        """A frame is due -> the step that it needs, or None; the result goes to `finish` before the next `begin`."""
        codes, high_band = self._queue.popleft() if self._queue else (None, None)
        self._silence = codes is SILENCE
        if high_band is not None:
            self._shares = SHARES[high_band]
        return DecodeStep(codes, self._state, self._shares) if isinstance(codes, np.ndarray) else None

    def finish(self, result: tuple[Pcm, State] | None, seconds: float = 0.0) -> Pcm:
        """Takes the step's result, None where there was none, and what it cost -> pcm [hop] in [-1, 1]."""
        if result is None:
            return self._stand_in()
        pcm, self._state = result
        self.compute_seconds += seconds
        self.played += 1
        self._begun = True
        return self._concealment.play(np.maximum(np.minimum(pcm, _LOUDEST), -_LOUDEST))

    def _stand_in(self) -> Pcm:
        if self._silence or not self._begun:
            self.noise += 1
            return self._concealment.silence()
        if self._concealment.audible:
            self.concealed += 1
        else:
            self.noise += 1
        return self._concealment.conceal()

    def _next(self) -> Pcm:
        step = self.begin()
        if step is None:
            return self.finish(None)
        started = time.thread_time()
        result = self.engine.decode(*step)
        return self.finish(result, time.thread_time() - started)
