"""The short way to a mix gives the mix that the long way gives, and nothing else."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import soundfile
from flax import nnx

from hybrid.analysis.chunks import sum_of, workers
from hybrid.analysis.microphones import align_microphones
from hybrid.audio.families import FAMILIES
from hybrid.audio.manifest import load_song
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.errors import InputError
from hybrid.knowledge.compile import output_of
from hybrid.knowledge.resolve import load_rules
from hybrid.mixing.deliver import Format
from hybrid.mixing.mixdown import mixed, rendered
from hybrid.mixing.plan import MixConfig, plan_mix
from hybrid.mixing.quick import quick_mix
from hybrid.model.field import Field
from hybrid.model.sizes import Sizes
from hybrid.proposal.weights import Network
from hybrid.treatment.types import neutral, treatment_parts
from tests.mixing.made import RATE, song_of
from tests.training.dataset import SECONDS, write_song

pytestmark = pytest.mark.long


def quiet(stage: str, share: float) -> None:
    """Reports nothing."""


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    folder = tmp_path_factory.mktemp("quick") / "song"
    write_song(folder, 0)
    return load_song(folder)


@pytest.fixture(scope="module")
def config() -> MixConfig:
    sizes = Sizes(1, len(FAMILIES), frame=8, whole=8, n_heads=2, n_moment_blocks=1, n_whole_blocks=1)
    return MixConfig(0, 0, Network(Field(sizes, nnx.Rngs(0)), ("bass",), tuple(FAMILIES), {}, ""))


@pytest.mark.parametrize("room", [False, True])
def test_tracks_added_before_the_inverse_transform_are_the_sum_of_the_stems(song: Song, room: bool):
    rng = np.random.default_rng(0)
    treatment = neutral(3, SECONDS, 0.4, ("reverb",) if room else ())
    treatment = replace(
        treatment,
        gain=treatment.gain._replace(level_db=jnp.array([3.0, -6.0, 0.0])),
        eq=treatment.eq._replace(tone_db=jnp.asarray(rng.normal(0.0, 3.0, (3, 10)), jnp.float32)),
        pan=treatment.pan._replace(position=jnp.array([-40.0, 0.0, 70.0]), width_db=jnp.array([0.0, 0.0, -6.0])),
        reverb=treatment.reverb and treatment.reverb._replace(send_db=jnp.array([-60.0, -20.0, -10.0])),
    )
    with open_song(song) as reader, workers(reader.n_threads) as pool:
        long = np.concatenate([sum_of(chunk.parts) for chunk in rendered(song, reader, treatment, pool)], axis=1)
        short = np.concatenate(list(mixed(song, reader, treatment, pool)), axis=1)
    assert long.shape == short.shape == (2, song.n_samples)
    error_db = 20.0 * np.log10(np.abs(long - short).max() / np.abs(long).max())
    assert error_db < -110.0


def test_the_mix_is_at_its_loudness_or_its_peak_and_is_what_is_measured(song: Song, config: MixConfig, tmp_path: Path):
    rules = load_rules(["output"])
    with open_song(song) as reader:
        quick = quick_mix(reader, rules, config, tmp_path, Format(48000, "PCM_24"), progress=quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["mix.wav"]
    samples, rate = soundfile.read(tmp_path / "mix.wav")
    assert (rate, samples.shape) == (48000, (round(SECONDS * 48000), 2))
    assert np.abs(samples).max() <= 10.0 ** (quick.levels.true_peak_dbtp / 20.0) + 1e-6
    # the ceiling of the true peak, or the loudness aimed for, whichever is met first
    output = output_of(rules.rules)
    loudness, peak = quick.levels.integrated_lufs, quick.levels.true_peak_dbtp
    assert max(loudness - float(output.aim_lufs), peak - float(output.ceiling_dbtp)) == pytest.approx(0.0, abs=0.01)


def test_listening_to_every_other_window_proposes_nearly_the_same(song: Song, config: MixConfig, tmp_path: Path):
    rules = load_rules(["output"])
    with open_song(song) as reader:
        quick = quick_mix(reader, rules, config, tmp_path, Format(44100, "PCM_16"), progress=quiet)
        whole = plan_mix(song, reader, rules, config, lambda stage, share: None).refined.treatment
    parts = treatment_parts(whole)
    proposed = treatment_parts(quick.treatment)
    for name in ("gain.level", "eq.tone", "pan.position", "pan.width"):
        np.testing.assert_allclose(proposed[name][:3], parts[name][:3], atol=0.2, err_msg=name)


def test_microphones_are_settled_as_the_long_way_settles_them(config: MixConfig, tmp_path: Path):
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, 10 * RATE)).astype(np.float32)
    late = -0.5 * np.pad(noise, ((0, 0), (48, 0)))[:, : noise.shape[1]]
    made = song_of(tmp_path / "song", {"in": noise, "out": late, "pad": np.roll(noise, 12345, axis=1)})
    roles = ("drums.kick", "drums.kick", "synth")
    made = replace(made, tracks=tuple(replace(t, role=r) for t, r in zip(made.tracks, roles, strict=True)))
    with open_song(made) as reader:
        fmt = Format(RATE, "PCM_16")
        quick = quick_mix(reader, load_rules(["output"]), config, tmp_path, fmt, progress=quiet)
        long = align_microphones(made, reader).song
    told = [[(t.polarity, t.offset_s) for t in each.tracks] for each in (quick.song, long)]
    assert told[0] == told[1] == [(None, None), (-1, -48 / RATE), (None, None)]
    assert quick.song.notes == long.notes


@pytest.mark.parametrize("given", ["0", "-1", "many", "2.5"])
def test_a_number_of_threads_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, given: str):
    monkeypatch.setenv("HYBRID_THREADS", given)
    with pytest.raises(InputError, match="HYBRID_THREADS: expected a whole number"):
        workers(None)


def test_as_many_threads_work_as_are_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HYBRID_THREADS", raising=False)
    for asked, n_threads in ((None, os.cpu_count()), (5, 5)):
        with workers(asked) as pool:
            assert pool._max_workers == n_threads
    monkeypatch.setenv("HYBRID_THREADS", "3")
    with workers(5) as pool:
        assert pool._max_workers == 3
