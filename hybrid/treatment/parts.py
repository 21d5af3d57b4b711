"""Table of parts: the definition of every parameter of a treatment, per track or per song.

Bounds, regularisers, names in `acts_on`, settings, explanations, pins and the order in which parts are unlocked derive
from it. A new part needs a row here, a field in `types`, and its effect in `curves` or `effect` and `render`.
Plain data: importing this starts nothing.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

N_TONE = 10
"""Number of points of a tone curve, equally spaced over the bands."""
ZONES_HZ = (150.0, 1000.0, 5000.0)
"""Borders between the zones of bands that dynamics act on: body, low mids, presence, air (by taste)."""
N_ZONES = len(ZONES_HZ) + 1
RIDE_S = 2.0
"""Spacing of the points of a ride, s: no movement faster than 0.25 Hz."""
SEND_OFF_DB = -60.0
"""Send level at or below which a send is off."""

SPREAD_OFF_DB = -40.0
"""Level of the spread at or below which it is off."""

Axis = Literal["track", "tone", "zone", "ride", "knot"]
"""Tracks; points of a tone curve; zones of bands; points in time, of the ride and of dynamics."""
_AXIS_WORDS = {
    "track": "track",
    "tone": "point of the tone curve",
    "zone": "zone",
    "ride": f"{RIDE_S:g} s",
    "knot": "point in time",
}
TIME_AXES: tuple[Axis, ...] = ("ride", "knot")


class Bounded(NamedTuple):
    """Values from `low` to `high` around zero, by a hyperbolic tangent on either side."""

    low: float
    high: float
    scale: float
    """What one unconstrained unit is worth near zero."""

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.low, self.high


class BoundedOctaves(NamedTuple):
    """Values from `low` to `high` octaves around `middle`, which has the part's unit."""

    middle: float
    low: float
    high: float
    scale: float
    """What one unconstrained unit is worth near the middle, in octaves."""

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.middle * 2.0**self.low, self.middle * 2.0**self.high


class OneSided(NamedTuple):
    """Values from the neutral `rest` over `span`, by a logistic curve whose foot lies near `rest`."""

    rest: float
    span: float
    """In the part's unit, or in octaves; negative downwards."""
    scale: float
    """What one unconstrained unit is worth where the curve is steepest, in the unit of `span`."""
    octaves: bool = False

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        far = self.rest * 2.0**self.span if self.octaves else self.rest + self.span
        return min(self.rest, far), max(self.rest, far)


class Solved(NamedTuple):
    """No bounds: the value is solved from all other parts and passes through unchanged."""

    @property
    def limits(self) -> tuple[float, float]:
        """No limits."""
        return -float("inf"), float("inf")


Bijector = Bounded | BoundedOctaves | OneSided | Solved


class Quadratic(NamedTuple):
    """The square of the value in units of its scale: means over time, sums over all else; on a tone curve the steps
    between neighbours count as well, so that a rough curve costs more than a smooth one."""


class SquaredOctaves(NamedTuple):
    """The square of the octaves beyond a frequency: above it, or below it if `below`."""

    from_hz: float
    below: bool = False


class AddedPower(NamedTuple):
    """Power that is added to the track, relative to that at -6 dB; 0 at the neutral level."""


Regulariser = Quadratic | SquaredOctaves | AddedPower


class Part(NamedTuple):
    """One row of the table."""

    name: str
    """As rules write it in `acts_on`: group and part, "gain.level"."""
    unit: Literal["dB", "pan", "Hz", "s"]
    axes: tuple[Axis, ...]
    bijector: Bijector
    noun: str
    """For a sentence such as "level of drums"."""
    raising: str
    """For a sentence such as "raise drums by 2 dB"; `{track}` stands for the track, or the room."""
    lowering: str
    description: str
    """For lists of what rules act on."""
    neutral: float = 0.0
    """Value without effect."""
    unlock: float = 0.0
    """Share of all steps of a refinement from a neutral start after which the part is unlocked: level and pan first,
    then tone, then the rest. A guess."""
    regulariser: Regulariser | None = Quadratic()
    """None for parts that belong to no track."""
    settable: bool = True
    """Whether a person can set it by hand: by one number, or a curve of a few."""
    given_limits: tuple[float, float] | None = None
    """The lowest and the highest value that may be given, by a person or by a required rule, where these are beyond
    those that are searched."""
    optional: bool = False
    """Whether it is absent from a treatment, and from all computation, unless a rule acts on it."""

    @property
    def group(self) -> str:
        """The group that it belongs to: "gain"."""
        return self.name.partition(".")[0]

    @property
    def field(self) -> str:
        """Name within its group with its unit, in `Treatment` and in settings: "level_db"."""
        suffix = {"dB": "_db", "Hz": "_hz", "s": "_s", "pan": ""}[self.unit]
        return self.name.partition(".")[2] + suffix

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value that may be given."""
        return self.given_limits or self.bijector.limits

    @property
    def per_track(self) -> bool:
        """Whether every track has its own; else the song shares it."""
        return "track" in self.axes


_ROWS = (
    Part(
        "gain.level", "dB", ("track",), Bounded(-36.0, 36.0, 3.0),
        "level", "raise {track}", "lower {track}", "static level",
    ),
    Part(
        "gain.ride", "dB", ("track", "ride"), Bounded(-6.0, 6.0, 1.5),
        "ride", "ride {track} up", "ride {track} down", "rides", settable=False,
    ),
    Part(
        "eq.tone", "dB", ("track", "tone"), Bounded(-6.0, 6.0, 2.0),  # bounds of Ronan 2018 for a track's equaliser
        "tone", "lift {track}", "cut {track}", "tone", unlock=0.15,
    ),
    # at rest 0.1 octave above its lowest corner, where it takes 0.01 dB off 30 Hz
    Part(
        "eq.low_cut", "Hz", ("track",), OneSided(10.0, 5.5, 1.0 / 3.0, octaves=True),
        "low cut", "move the low cut of {track} up", "move the low cut of {track} down", "low cut",
        unlock=0.15, regulariser=SquaredOctaves(20.0),
    ),
    # at rest 0.1 octave below its highest corner, where it takes 0.1 dB off 20 kHz
    Part(
        "eq.high_cut", "Hz", ("track",), OneSided(40000.0, -5.0, 1.0 / 3.0, octaves=True),
        "high cut", "open the high cut of {track}", "close the high cut of {track}", "high cut",
        neutral=float("inf"), unlock=0.15, regulariser=SquaredOctaves(20000.0, below=True), optional=True,
    ),
    Part(
        "dynamics.zone", "dB", ("track", "zone", "knot"), Bounded(-6.0, 3.0, 1.5),
        "dynamics", "lift {track}", "press {track} down", "dynamics", unlock=0.35, settable=False,
    ),
    # searched for never quite to a hard pan: 0.06 to 0.94 of the sine-cosine law
    Part(
        "pan.position", "pan", ("track",), Bounded(-88.0, 88.0, 20.0),
        "position", "move {track} to the right", "move {track} to the left", "position",
        given_limits=(-100.0, 100.0),
    ),
    Part(
        "pan.width", "dB", ("track",), Bounded(-24.0, 3.0, 3.0),
        "width", "widen {track}", "narrow {track}", "width",
    ),
    # at rest 0.6 dB above its lowest level; at the highest the sides are a quarter of the mid (by taste)
    Part(
        "pan.spread", "dB", ("track",), OneSided(SPREAD_OFF_DB, 34.0, 3.0),
        "spread", "spread {track}", "gather {track}", "spread",
        neutral=SPREAD_OFF_DB, unlock=0.35, regulariser=AddedPower(), optional=True,
    ),
    # at rest 1 dB above its lowest level
    Part(
        "reverb.send", "dB", ("track",), OneSided(SEND_OFF_DB, 60.0, 3.0),
        "send", "send more of {track}", "send less of {track}", "sends",
        neutral=SEND_OFF_DB, unlock=0.35, regulariser=AddedPower(), optional=True,
    ),
    # from a small hall (by taste), 0.2 to 3.9 s; one unit is a factor of 1.2
    Part(
        "reverb.decay", "s", ("zone",), BoundedOctaves(1.2, -2.5, 1.7, 0.26),
        "decay", "let {track} ring longer", "let {track} ring shorter", "decay of the room",
        neutral=1.2, unlock=0.35, regulariser=None, optional=True,
    ),
    # 4 to 113 ms
    Part(
        "reverb.pre_delay", "s", (), BoundedOctaves(0.02, -2.5, 2.5, 0.5),
        "pre-delay", "let {track} answer later", "let {track} answer sooner", "pre-delay of the room",
        neutral=0.02, unlock=0.35, regulariser=None, optional=True,
    ),
    Part(
        "reverb.tone", "dB", ("tone",), Bounded(-24.0, 6.0, 2.0),
        "return", "lift the return of {track}", "cut the return of {track}", "tone of the return",
        unlock=0.35, regulariser=None, optional=True,
    ),
    Part(
        "master.level", "dB", (), Solved(),
        "output level", "raise {track}", "lower {track}", "output level", regulariser=None,
        given_limits=(-120.0, 120.0),
    ),
)  # fmt: skip
PARTS = {part.name: part for part in _ROWS}
"""Every part by name, in the order in which a treatment holds them."""


class Group(NamedTuple):
    """Parts that rules may name together."""

    description: str
    is_optional: bool = False
    """Whether its parts are present or absent together."""
    song_section: str = ""
    """Section of the settings for parts that the song shares; empty where each track has its own."""


GROUPS = {
    "gain": Group("level and rides"),
    "eq": Group("tone and cuts"),
    "dynamics": Group("dynamics"),
    "pan": Group("position, width and spread"),
    "reverb": Group("sends and the room", is_optional=True, song_section="room"),
    "master": Group("output level", song_section="master"),
}


def acts_on_names() -> dict[str, str]:
    """Everything that a rule may name in `acts_on`, with its description: groups, and parts of groups with several."""
    names = {}
    for name, group in GROUPS.items():
        own = [part for part in PARTS.values() if part.group == name]
        names[name] = group.description
        names.update({part.name: part.description for part in own if len(own) > 1})
    return names


def is_part_of(name: str, other: str) -> bool:
    """Whether two names of parts or groups, as rules write them, share a part."""
    return name == other or (name.partition(".")[0] == other.partition(".")[0] and not ("." in name and "." in other))


def parts_table() -> str:
    """The table as Markdown, for the reference of settings."""
    rows = [
        "| part | in settings | unit | one for every | range | does nothing at | by hand |",
        "|---|---|---|---|---|---|---|",
    ]
    for part in PARTS.values():
        low, high = part.limits
        span = f"{low:.5g} to {high:.5g}"
        section = part.group if part.per_track else GROUPS[part.group].song_section
        neutral = "off" if part.unit == "Hz" else f"{part.neutral:g}"
        axes = ", ".join(_AXIS_WORDS[axis] for axis in part.axes) or "song"
        hand = "yes" if part.settable else "no"
        rows.append(
            f"| `{part.name}` | `{section}.{part.field}` | {part.unit} | {axes} | {span} | {neutral} | {hand} |"
        )
    return "\n".join(rows)
