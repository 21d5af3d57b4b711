"""Projects of LMMS, rendered by it where it is installed: a track for each instrument, dry and as its author mixed it.

Dry is without the fader, the pan and the effects of the track, and straight into a mixer that changes nothing. Effects
of the whole stay in the treated track, so that the treated tracks need not add up to the mix.
"""

from __future__ import annotations

import copy
import math
import os
import re
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
import soundfile
from jaxtyping import Float32

from hybrid.audio.song import file_name
from hybrid.corpus.authored.types import LONGEST_S, SAMPLE_RATE, AuthoredSong, AuthoredTrack, Quantity, mono_if_same
from hybrid.errors import InputError, Problem
from hybrid.scratch import scratch_folder

_LMMS = "lmms"
INSTALL = "on Debian, apt install lmms"
_LONGEST_WAIT_S = 1800
_TRIES = 3
"""LMMS 1.2.2 crashes in about one of 600 runs, in the middle of a file or after it; the next run does not."""
_INSTRUMENT, _SAMPLE = "0", "2"
"""Types of tracks that sound by themselves; a beat track (1) holds instruments of its own."""
_SOUND = {_INSTRUMENT: "instrumenttrack", _SAMPLE: "sampletrack"}
_MASTER = "0"
_MAX_PROJECT_BYTES = 256 * 1024 * 1024
"""Of the text of a project: a compressed file may hold anything."""


class _Settings(NamedTuple):
    """The author's settings of a track."""

    fader_db: float | None
    """Gain of its fader and of the mixer's channels behind it, dB; None where one of them is closed."""
    pan: float
    """In pan units by the sine-cosine law."""
    effects: tuple[str, ...]
    """Names of the effects in its chain and in those of the mixer's channels, those of the whole left out."""


def read_project(data: bytes, title: str, where: str) -> AuthoredSong:
    """The song of a project. Raises InputError if it is none, or LMMS is not installed."""
    program = version()
    project = _parse(data, where)
    tracks = _tracks(project)

    def rendered() -> Iterator[AuthoredTrack]:
        for index, track in enumerate(tracks):
            settings = _settings(project, track)
            name = file_name(f"{index + 1:02d} {track.get('name', '').strip()}".strip())
            yield AuthoredTrack(
                name=name,
                role=None,
                raw=mono_if_same(_render(_solo(_dry(project), index), where)),
                treated=_render(_solo(project, index), where),
                pan=settings.pan,
                decided=_decided(settings),
                fader_db=settings.fader_db,
                effects=settings.effects,
            )

    mix = partial(_render, project, where)
    return AuthoredSong(title, program, recorded=True, is_sum=False, tracks=rendered, mix=mix)


@cache
def version() -> str:
    """The version of the installed program, such as "lmms 1.2.2". Raises InputError where there is none."""
    if shutil.which(_LMMS) is None:
        raise InputError(Problem(_LMMS, "is not installed: it renders its projects", INSTALL))
    told = subprocess.run([*_command(), "--version"], capture_output=True, text=True, env=_environment()).stdout
    number = re.search(r"\d+\.\d+\.\d+", told)
    return f"{_LMMS} {number[0] if number else 'of unknown version'}"


def _command() -> list[str]:
    # in a container everything is run by root, which LMMS refuses otherwise
    return [_LMMS, "--allowroot"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [_LMMS]


def _environment() -> dict[str, str]:
    # no window, and no display to open one on
    return {**os.environ, "QT_QPA_PLATFORM": "offscreen"}


def _parse(data: bytes, where: str) -> Element:
    """The root of a project, plain or compressed as Qt does: the length in four bytes, then zlib's."""
    text = data
    if not data.lstrip().startswith(b"<"):
        try:
            text = zlib.decompressobj().decompress(data[4:], _MAX_PROJECT_BYTES)
        except zlib.error as error:
            raise InputError(Problem(where, "is not a project of LMMS: neither XML nor compressed")) from error
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputError(Problem(where, f"is not a project of LMMS: {error}")) from error
    if root.find("song/trackcontainer") is None:
        raise InputError(Problem(where, "is not a song of LMMS: it has no tracks"))
    return root


def _tracks(project: Element) -> list[Element]:
    """Tracks that sound, in their order; those that the author muted are not part of the song."""
    return [track for track in project.iter("track") if track.get("type") in _SOUND and track.get("muted") != "1"]


def _sound(track: Element) -> Element:
    """The node with the track's settings. A track without one is silent: its settings are the format's."""
    found = track.find(_SOUND[track.get("type", _INSTRUMENT)])
    return Element("instrumenttrack") if found is None else found


def _value(node: Element, name: str, otherwise: float) -> float:
    """A setting: an attribute, or a node of its own where it is automated, whose value is then that at the start."""
    child = node.find(name)
    text = node.get(name) if child is None else child.get("value")
    try:
        return float(text) if text is not None else otherwise
    except ValueError:
        return otherwise


def _set(node: Element, name: str, value: float) -> None:
    """Sets a value, without what automates it."""
    for child in node.findall(name):
        node.remove(child)
    node.set(name, f"{value:g}")


def _settings(project: Element, track: Element) -> _Settings:
    sound = _sound(track)
    gain, effects = _value(sound, "vol", 100.0) / 100.0, list(_effects(sound))
    channels = {channel.get("num"): channel for channel in project.iter("fxchannel")}
    number, seen = f"{_value(sound, 'fxch', 0.0):.0f}", set[str]()
    # along the first send of every channel, up to the master
    while number != _MASTER and number in channels and number not in seen:
        seen.add(number)
        channel = channels[number]
        send = channel.find("send")
        gain *= _value(channel, "volume", 1.0) * (_value(send, "amount", 1.0) if send is not None else 1.0)
        effects += _effects(channel)
        number = send.get("channel", _MASTER) if send is not None else _MASTER
    share = np.clip(_value(sound, "pan", 0.0) / 100.0, -1.0, 1.0)
    # LMMS lowers one channel in proportion and leaves the other
    left, right = min(1.0, 1.0 - share), min(1.0, 1.0 + share)
    pan = float(400.0 / math.pi * math.atan2(right, left) - 100.0)
    return _Settings(20.0 * math.log10(gain) if gain > 0.0 else None, pan, tuple(effects))


def _effects(node: Element) -> Iterator[str]:
    chain = node.find("fxchain")
    if chain is None or chain.get("enabled") != "1":
        return
    for effect in chain.findall("effect"):
        if effect.get("on") != "0":
            # a plug-in of another format is named by its key
            plugin = effect.find("key/attribute[@name='plugin']")
            yield effect.get("name", "") if plugin is None else plugin.get("value", "")


def _decided(settings: _Settings) -> frozenset[Quantity]:
    decided: set[Quantity] = set()
    if settings.fader_db != 0.0:
        decided.add("level")
    if settings.pan != 0.0:
        decided.add("pan")
    return frozenset(decided)


def _solo(project: Element, index: int) -> Element:
    """The project with all other tracks muted."""
    alone = copy.deepcopy(project)
    for other, track in enumerate(_tracks(alone)):
        if other != index:
            track.set("muted", "1")
    return alone


def _dry(project: Element) -> Element:
    """The project without faders, pans and effects."""
    dry = copy.deepcopy(project)
    for track in _tracks(dry):
        sound = _sound(track)
        _set(sound, "vol", 100.0)
        _set(sound, "pan", 0.0)
        _set(sound, "fxch", 0.0)
    for channel in dry.iter("fxchannel"):
        _set(channel, "volume", 1.0)
    for chain in dry.iter("fxchain"):
        chain.set("enabled", "0")
        # one that is not installed would still be looked for
        for effect in chain.findall("effect"):
            chain.remove(effect)
        chain.set("numofeffects", "0")
    for head in dry.findall("head"):
        _set(head, "mastervol", 100.0)
    return dry


def _render(project: Element, where: str) -> Float32[np.ndarray, "2 time"]:
    with scratch_folder() as scratch:
        file, sound = scratch / "project.mmp", scratch / "sound.wav"
        ElementTree.ElementTree(project).write(file, encoding="utf-8", xml_declaration=True)
        command = [*_command(), "render", str(file), "-f", "wav", "-a", "-s", str(SAMPLE_RATE), "-o", str(sound)]
        done = _run(command, scratch, where)
        for _ in range(_TRIES - 1):
            # only a crash is negative
            if done.returncode >= 0:
                break
            done = _run(command, scratch, where)
        if done.returncode or not sound.is_file():
            output = (done.stderr or done.stdout).strip().splitlines()
            told = f", {output[-1]}" if output else ""
            raise InputError(Problem(where, f"LMMS failed: exit status {done.returncode}{told}"))
        samples, _ = soundfile.read(sound, dtype="float32", always_2d=True, frames=round(LONGEST_S * SAMPLE_RATE))
    return np.ascontiguousarray(samples.T)


def _run(command: list[str], home: Path, where: str) -> subprocess.CompletedProcess[str]:
    # a home of its own: LMMS writes its settings there, and runs beside each other would share them
    env = {**_environment(), "HOME": str(home)}
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=env, timeout=_LONGEST_WAIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(Problem(where, f"LMMS was not done after {_LONGEST_WAIT_S // 60} minutes")) from error
