"""A mix in a room: what is predicted of it, and the files that add up to it."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from hybrid.analysis.analyse import analyse
from hybrid.analysis.chunks import sum_of, workers
from hybrid.audio.read import open_song
from hybrid.knowledge.resolve import load_rules
from hybrid.measure import loudness
from hybrid.measure.panel import predict
from hybrid.mixing.deliver import Format, deliver
from hybrid.mixing.mixdown import rendered
from hybrid.mixing.observe import Observer
from hybrid.mixing.plan import MixConfig, plan_mix
from hybrid.treatment.types import neutral
from tests.mixing.made import read_meter, song_of, sounds

pytestmark = pytest.mark.long

SENDS_DB = (-6.0, -12.0, -9.0, -20.0)


@pytest.fixture(scope="module")
def in_room(tmp_path_factory: pytest.TempPathFactory):
    """Panels predicted and observed, and the meters' readings of the return and the mix."""
    song = song_of(tmp_path_factory.mktemp("room"), sounds(duration_s=8.0))
    with open_song(song) as reader, workers(reader.n_threads) as pool:
        dry = analyse(song, reader).dry
        nothing = neutral(dry.power.shape[0], 9.0, 0.2, optional=("reverb",))
        sends = jnp.resize(jnp.asarray(SENDS_DB), nothing.gain.level_db.shape)
        reverb = nothing.reverb._replace(send_db=sends, decay_s=jnp.asarray([1.5, 1.2, 1.0, 0.7]))
        treatment = replace(nothing, reverb=reverb)
        observer, mixes, backs = Observer(song, dry, pool), [], []
        for chunk in rendered(song, reader, treatment, pool):
            mixes.append(sum_of(chunk.parts))
            backs.append(chunk.returned)
            observer.add(mixes[-1], chunk.filtered)
        mix, back = (read_meter(np.concatenate(pieces, axis=1)) for pieces in (mixes, backs))
        observed = observer.measured(treatment, mix)
    return predict(dry, treatment), observed, mix, back


def _lufs(power_k, panel) -> float:
    return float(loudness.integrated_lufs(power_k, panel.dry.inside, panel.dry.frame_s))


def test_a_mix_in_a_room_is_predicted_as_loud_as_the_meter_reads_it(in_room):
    predicted, _, mix, _ = in_room
    # the return is noise: its band powers are what they are on average
    assert float(predicted.loudness_lufs) == pytest.approx(mix.integrated_lufs, abs=0.3)


def test_the_return_is_predicted_as_loud_as_the_meter_reads_it(in_room):
    predicted, observed, _, back = in_room
    # a room of noise answers a single tone by anything around its mean, and these tracks are tonal
    assert _lufs(predicted.return_k, predicted) == pytest.approx(back.integrated_lufs, abs=1.5)
    assert _lufs(observed.return_k, observed) == pytest.approx(back.integrated_lufs, abs=1.5)


def test_stems_and_return_add_up_to_the_mix_that_the_rules_ask_for(tmp_path):
    song = song_of(tmp_path, sounds(duration_s=4.0))
    rules = load_rules(["output", "reverb"])
    with open_song(song) as reader:
        plan = plan_mix(song, reader, rules, MixConfig(50), lambda stage, share: None)
        (tmp_path / "out").mkdir()
        deliver(plan, reader, tmp_path / "out", Format(song.sample_rate, "FLOAT"), lambda stage, share: None)
    parts = [soundfile.read(path)[0] for path in sorted((tmp_path / "out").glob("*s/*.wav"))]
    mix, _ = soundfile.read(tmp_path / "out" / "mix.wav")
    assert len(parts) == len(song.tracks) + 1
    assert (tmp_path / "out" / "returns" / "reverb.wav").is_file()
    np.testing.assert_allclose(np.sum(parts, axis=0), mix, atol=1e-5)
    assert plan.refined.treatment.reverb is not None


def test_without_a_rule_that_asks_for_it_there_is_no_room(tmp_path):
    song = song_of(tmp_path, sounds(duration_s=1.0))
    with open_song(song) as reader:
        plan = plan_mix(song, reader, load_rules(["output"]), MixConfig(0), lambda stage, share: None)
    assert plan.refined.treatment.reverb is None
