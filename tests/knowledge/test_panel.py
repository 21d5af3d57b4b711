"""What several rules read of one panel: worked out once for each panel, and never for another."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.knowledge.objective import read
from hybrid.knowledge.readings import Panel
from hybrid.knowledge.readings.masking import excess_db
from hybrid.measure.panel import predict
from hybrid.testing.songs import objective_of, random_dry, random_song, untouched
from hybrid.treatment import effect
from hybrid.treatment.types import Dry
from tests.knowledge.made import at_level, rule_of

RULE = rule_of("masker_to_signal", {"max": "0 dB"})


@pytest.fixture(scope="module")
def dry() -> Dry:
    return random_dry(0)


def panel_at(dry: Dry, level_db: float) -> Panel:
    """The song with its first track louder."""
    return Panel(*predict(dry, at_level(untouched(dry), level_db)))


def test_each_value_is_worked_out_once_and_again_for_other_parameters(dry: Dry):
    panel = panel_at(dry, 0.0)
    assert panel.mix_power is panel.mix_power and panel.track_power is panel.track_power
    assert excess_db(panel, 3.0) is excess_db(panel, 3.0)
    np.testing.assert_allclose(excess_db(panel, 0.0) - excess_db(panel, 3.0), 3.0, atol=1e-3)
    np.testing.assert_allclose(panel.mix_power, effect.mix_power(panel.tracks), rtol=1e-5)


def test_panels_that_live_for_one_rule_only_are_each_read_for_what_they_are(dry: Dry):
    """A panel may lie where another lay that is gone."""
    levels = np.linspace(-20.0, 20.0, 16)
    rules = [RULE.model_copy(update={"id": f"rule{n}"}) for n in range(len(levels))]
    objective = objective_of(rules, random_song(), dry)
    waiting = iter(levels.tolist())
    found = [float(reading.value[0]) for reading in read(objective, lambda rule: panel_at(dry, next(waiting)))]
    assert np.all(np.diff(found) < 0.0)  # the louder the first track, the less it is masked


def test_a_panel_that_passes_through_jax_leaves_its_values_behind(dry: Dry):
    panel = panel_at(dry, 0.0)
    assert float(jnp.sum(panel.mix_power)) > 0.0
    louder = jax.tree.map(lambda x: 2.0 * x if jnp.isdtype(x.dtype, "real floating") else x, panel)
    assert isinstance(louder, Panel) and not vars(louder)
