"""The format of a table of decisions: mixes with listeners' scores, and the faders and pans of their tracks."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from hybrid.audio.roles import ROLES
from hybrid.errors import suggest
from hybrid.units import field_error

NO_ANSWER = -1.0
"""The value of a missing score."""

_LOWEST_LUFS = -70.0
"""The absolute gate of ITU-R BS.1770: a track below it counts as silent."""


def _role(role: str) -> str:
    if role not in ROLES:
        raise field_error(f"no such role: {role!r}{suggest(role, ROLES)}")
    return role


def _score(score: float) -> float:
    if score != NO_ANSWER and not 0.0 <= score <= 1.0:
        raise field_error(f"expected a score from 0 to 1, or -1 for none, got {score!r}")
    return score


def _listed(value: object) -> object:
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else value


_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Db = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-200.0, le=60.0)]
_PanUnit = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-100.0, le=100.0)]
_Name = Annotated[str, Field(strict=True, min_length=1)]


class _Row(BaseModel):
    """Columns of a table that are not needed are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Parameters(_Row):
    """The console's settings: a fader in dB, and one pan, or one for each side of a stereo track."""

    gain: _Db | None = None
    pan: Annotated[tuple[_PanUnit, ...], BeforeValidator(_listed), Field(max_length=2)] | None = None


class TrackRow(_Row):
    """One track of one mix. Types other than AUDIO, such as a bus or an effect, have no samples of their own."""

    name: _Name
    type: str = "AUDIO"
    instrument: str | None = None
    subtype: str | None = None
    role: Annotated[str, AfterValidator(_role)] | None = None
    """Takes precedence over instrument and name."""
    channels: str | None = None
    raw_lufs: _Number | None = None
    """Loudness of the raw track, LUFS."""
    parameters: Parameters = Parameters()

    @property
    def is_audio(self) -> bool:
        """Whether it is a recorded track."""
        return self.type.upper() == "AUDIO"

    @property
    def faded_lufs(self) -> float | None:
        """Loudness after the fader, before effects, LUFS; None where the table has none, or the track is silent."""
        gain, raw = self.parameters.gain, self.raw_lufs
        return None if gain is None or raw is None or raw <= _LOWEST_LUFS else raw + gain


def _some(tracks: tuple[TrackRow, ...]) -> tuple[TrackRow, ...]:
    if not tracks:
        raise field_error("expected at least one track")
    return tracks


class MixRow(_Row):
    """One mix of one song."""

    mix: _Name
    song: _Name
    genre: str | None = None
    scores: tuple[Annotated[_Number, AfterValidator(_score)], ...] = ()
    tracks: Annotated[tuple[TrackRow, ...], AfterValidator(_some)]

    @property
    def score(self) -> float | None:
        """Mean of the listeners' scores, 0 to 1; None without any."""
        scores = [score for score in self.scores if score != NO_ANSWER]
        return sum(scores) / len(scores) if scores else None
