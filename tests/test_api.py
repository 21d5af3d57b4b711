"""The program from Python: every step does what the command line does, on arrays as on files."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import soundfile
from flax import nnx

import hybrid
from hybrid import api
from hybrid.analysis.song import AnalysedSong
from hybrid.audio.families import FAMILIES
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.errors import InputError
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.mixing.plan import MixConfig, plan_mix
from hybrid.mixing.rendered import MixResult, RenderedMix
from hybrid.model.field import Field
from hybrid.model.sizes import Sizes
from hybrid.proposal.weights import Network
from hybrid.treatment.types import Treatment, neutral, treatment_parts
from tests.mixing.made import RATE, ROLES, song_of, sounds
from tests.mixing.test_song_objective import TEXT

STEPS = 2


def quiet(stage: str, share: float) -> None:
    """Reports nothing."""


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return api.load_rules(TEXT)


@pytest.fixture(scope="module")
def song() -> Song:
    return api.load_song(sounds(), RATE, roles=ROLES, name="made")


@pytest.fixture(scope="module")
def network() -> Network:
    sizes = Sizes(1, len(FAMILIES), frame=8, whole=8, n_heads=2, n_moment_blocks=1, n_whole_blocks=1)
    return Network(Field(sizes, nnx.Rngs(0)), ("bass",), tuple(FAMILIES), {}, "")


@pytest.fixture(scope="module")
def analysed(song: Song, rules: RuleSet) -> AnalysedSong:
    return api.analyse(song, rules, None)


@pytest.fixture(scope="module")
def proposed(analysed: AnalysedSong, rules: RuleSet, network: Network) -> Treatment:
    return api.propose(analysed, rules, network, seed=1)


@pytest.fixture(scope="module")
def mixed(song: Song, rules: RuleSet) -> MixResult:
    return api.mix(song, rules, steps=STEPS, network=None)


@pytest.fixture(scope="module")
def rendered(analysed: AnalysedSong, mixed: MixResult) -> RenderedMix:
    return api.render(analysed, mixed.treatment, stems=True)


def test_importing_the_package_starts_nothing_and_lists_its_names():
    code = (
        "import sys, hybrid\n"
        "assert {'load_song', 'objective', 'MixResult'} <= set(dir(hybrid))\n"
        "hybrid.Song, hybrid.InputError, hybrid.RuleSet, hybrid.Verdict\n"
        "print([name for name in ('jax', 'flax', 'pandas', 'scipy.signal') if name in sys.modules])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(hybrid.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"


def test_every_name_of_the_package_is_there():
    functions = [name for name in hybrid.__all__ if name.islower()]
    assert len(functions) == 11
    assert all(getattr(hybrid, name) is getattr(api, name) for name in functions if name != "load_study")
    types = [getattr(hybrid, name) for name in hybrid.__all__ if not name.islower()]
    assert all(isinstance(each, type) for each in types)
    # no room has the name of a function, which it would hide once it is imported
    assert not {path.stem for path in Path(hybrid.__file__).parent.iterdir()} & set(functions)
    with pytest.raises(AttributeError, match="module 'hybrid' has no attribute 'mixx'"):
        _ = hybrid.mixx


def test_songs_come_from_folders_manifests_and_arrays(tmp_path: Path):
    song_of(tmp_path / "band", sounds())
    folder = api.load_song(tmp_path / "band", roles={"amp": "bass.electric"})
    assert [track.role for track in folder.tracks] == ["bass.electric", "bass", "drums", "synth.pad", "vocal.lead"]
    with pytest.raises(InputError, match="sample_rate: is missing"):
        api.load_song(sounds())
    with pytest.raises(InputError, match="sample_rate: is for arrays"):
        api.load_song(tmp_path / "band", RATE)


def test_rules_come_from_names_files_and_texts_with_overrides(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text(TEXT)
    text = api.load_rules(TEXT, set={"lead.target": "1 LU", "off.enabled": True})
    file = api.load_rules(tmp_path / "mine.yaml", set=["lead.target=1 LU", "off.enabled=true"])
    assert text.hash == file.hash != api.load_rules(TEXT).hash
    assert api.load_rules().hash == load_rules(["base"]).hash
    assert len(api.load_rules("output", TEXT).rules) == len(api.load_rules("output").rules) + 3
    assert repr(text) == "RuleSet('three', 3 rules, 3 of them on)"
    assert [row["on"] for row in api.load_rules(TEXT).rows()] == [True, True, False]


def test_mistakes_in_a_text_are_told_with_their_line():
    with pytest.raises(InputError, match=r"<text 1>:5:89: rules\[0\].scal: unknown key; did you mean scale?"):
        api.load_rules(TEXT.replace("target: 3 LU", "scal: 3 LU"))


@pytest.mark.long
def test_a_song_of_arrays_is_measured_as_that_of_its_files_is(analysed: AnalysedSong, rules: RuleSet, tmp_path: Path):
    files = api.load_song(song_of(tmp_path / "song", sounds()).folder, roles=ROLES)
    again = api.analyse(files, rules, None)
    first, second = ([track.id for track in each.song.tracks] for each in (analysed, again))
    assert sorted(first) == sorted(second)
    order = [second.index(name) for name in first]
    np.testing.assert_array_equal(np.asarray(again.analysis.dry.power)[order], analysed.analysis.dry.power[:5])
    assert repr(analysed).startswith("AnalysedSong(Song('made', 5 tracks, 4.0 s, 22050 Hz), raw sum at -10.")
    assert all(-60.0 < row["raw_lufs"] < 0.0 for row in analysed.rows())


@pytest.mark.long
def test_the_steps_one_by_one_are_the_plan_of_the_mix(
    song: Song, rules: RuleSet, network: Network, analysed: AnalysedSong, proposed: Treatment
):
    with open_song(song) as reader:
        plan = plan_mix(song, reader, rules, MixConfig(STEPS, 1, network), quiet)
    refined = api.refine(analysed, rules, proposed, STEPS)
    expected = treatment_parts(plan.refined.treatment)
    for name, part in treatment_parts(refined.treatment).items():
        # the output level is worked out from the start's, which a plan leaves open
        np.testing.assert_allclose(part, expected[name], rtol=1e-6 * (name == "master.level"), err_msg=name)
    assert len(refined.rounds) == len(plan.refined.rounds) >= 1
    assert repr(refined).startswith("Refined(Treatment(6 tracks: gain, eq, dynamics, pan, master), ")


@pytest.mark.long
def test_seeds_deal_out_the_sides(analysed: AnalysedSong, rules: RuleSet, proposed: Treatment):
    usual = [api.propose(analysed, rules, None, seed) for seed in range(4)]
    # two tracks are free to go to either side
    assert {tuple(each.pan.position[2:4].tolist()) for each in usual} == {(-20.0, 20.0), (20.0, -20.0)}
    assert np.any(usual[1].gain.level_db != proposed.gain.level_db)


@pytest.mark.long
def test_a_mix_in_memory_is_that_of_its_folder(song: Song, rules: RuleSet, mixed: MixResult, tmp_path: Path):
    out = tmp_path / "out"
    written = api.mix(song, rules, out, STEPS, None, subtype="FLOAT")
    np.testing.assert_array_equal(written.samples, mixed.samples)
    assert {"mix.wav", "stems", "settings.json", "verdict.json", "report.html"} <= {path.name for path in out.iterdir()}
    assert set(written.stems) == {track.id for track in song.tracks}
    assert (written.folder, mixed.folder, mixed.stems) == (out, None, {})
    with pytest.raises(InputError, match="exists"):
        api.mix(song, rules, out, STEPS, None)


@pytest.mark.long
def test_a_mix_tells_its_levels_and_its_verdict(mixed: MixResult):
    assert mixed.samples.shape == (2, 4 * RATE)
    assert repr(mixed).startswith("MixResult('made', -23.0 LUFS, ")
    assert " of 2 rules kept (1 by the raw sum)" in repr(mixed)
    rows = mixed.rows()
    assert [(row["rule"], row["kept_before"]) for row in rows] == [("lead", False), ("loud", True)]
    assert mixed._repr_html_().count("<tr>") == 3
    assert list(mixed.to_pandas()["rule"]) == ["lead", "loud"]


@pytest.mark.long
def test_a_treatment_is_rendered_as_it_is_in_memory_as_in_files(
    analysed: AnalysedSong, mixed: MixResult, rendered: RenderedMix, tmp_path: Path
):
    np.testing.assert_array_equal(rendered.samples, mixed.samples)
    files = api.render(analysed, mixed.treatment, tmp_path / "out", stems=True)
    np.testing.assert_array_equal(files.samples, rendered.samples)
    for name, stem in rendered.stems.items():
        np.testing.assert_array_equal(files.stems[name], stem)
    np.testing.assert_allclose(sum(rendered.stems.values()), rendered.samples, atol=1e-6)
    assert files.levels.integrated_lufs == rendered.levels.integrated_lufs
    assert rendered.returned is None
    with pytest.raises(InputError, match="treatment: is of 6 tracks, seven has 7"):
        api.render(api.load_song({str(k): sounds()["bass"] for k in range(7)}, RATE, name="seven"), mixed.treatment)


@pytest.mark.long
def test_a_room_comes_back_beside_the_stems(analysed: AnalysedSong):
    dry = neutral(6, 4.0, 0.2, optional=("reverb",))
    assert dry.reverb is not None
    wet = replace(dry, reverb=dry.reverb._replace(send_db=jnp.full(6, -12.0)))
    rendered = api.render(analysed, wet, stems=True, sample_rate=16000)
    assert rendered.returned is not None
    assert rendered.samples.shape == rendered.returned.shape == (2, 4 * 16000)
    parts = [*rendered.stems.values(), rendered.returned]
    np.testing.assert_allclose(np.sum(parts, axis=0), rendered.samples, atol=1e-6)


@pytest.mark.long
def test_a_mix_is_checked_and_judged_in_memory_as_from_its_file(
    song: Song, rules: RuleSet, mixed: MixResult, rendered: RenderedMix, tmp_path: Path
):
    path = tmp_path / "mix.wav"
    soundfile.write(path, mixed.samples.T, RATE, "FLOAT")
    checks = [api.check(path, None, rules), api.check(mixed, None, rules)]
    checks += [api.check(mixed.samples, None, rules, sample_rate=RATE)]
    assert [check.verdict for check in checks[1:]] == [checks[0].verdict] * 2
    assert [(left.rule, left.why) for left in checks[0].left_out] == [("lead", "speaks of tracks: needs --song")]
    fitted = api.check(rendered, song, rules)
    assert repr(fitted).endswith("0 rules left out, 100 % explained by its tracks)")
    assert [row["reliable"] for row in fitted.rows()] == [True, True]

    judged = [api.judge(each, raw_sum(), song, sample_rate=RATE) for each in (path, mixed, mixed.samples)]
    assert judged[0].metrics == judged[1].metrics == judged[2].metrics
    assert judged[0].fit is not None and judged[0].fit.explained > 0.9
    assert repr(judged[0]) == f"MixEvaluation({len(judged[0].metrics)} metrics, {len(judged[0].features)} features)"
    assert {row["kind"] for row in judged[0].rows()} == {"metric", "feature"}
    with pytest.raises(InputError, match="sample_rate: is missing"):
        api.judge(mixed.samples)


def raw_sum() -> np.ndarray:
    return np.sum([np.broadcast_to(x, (2, x.shape[1])) for x in sounds().values()], axis=0) / 4.0


def test_a_song_may_call_its_raw_levels_arbitrary():
    tracks = {name: 0.1 * np.random.default_rng(0).standard_normal(8000) for name in ("bass", "keys")}
    assert hybrid.load_song(tracks, 8000).raw_levels == "recorded"
    assert hybrid.load_song(tracks, 8000, raw_levels="arbitrary").raw_levels == "arbitrary"
