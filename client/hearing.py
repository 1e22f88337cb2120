"""Whether somebody speaks, by level alone: what stays at the level of the background is silence."""

from __future__ import annotations

from collections import deque

from client.frame import CODEC

MEMORY_FRAMES = round(3 * CODEC.frame_rate)  # speech pauses within that
ABOVE_BACKGROUND_DB = 10.0
QUIETEST_DBFS = -50.0  # below this nothing is speech, however quiet the background
LOUDEST_DBFS = -30.0  # above this all is sound, however steady: louder than any comfort noise


class Hearing:
    """Tells sound from background. The background is the quietest frame of the last seconds.

    A fixed floor would not do: comfort noise and a room before a microphone may be louder than a quiet voice elsewhere.
    """

    def __init__(self) -> None:
        self._levels_dbfs: deque[float] = deque(maxlen=MEMORY_FRAMES)

    @property
    def floor_dbfs(self) -> float:
        """What is at this level or below counts as silence."""
        background = min(self._levels_dbfs, default=QUIETEST_DBFS)
        return min(max(background + ABOVE_BACKGROUND_DB, QUIETEST_DBFS), LOUDEST_DBFS)

    def is_sound(self, level_dbfs: float) -> bool:
        """Whether the next frame, by its level, is more than background."""
        self._levels_dbfs.append(level_dbfs)
        return level_dbfs > self.floor_dbfs
