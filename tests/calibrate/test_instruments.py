from __future__ import annotations

import pytest

from hybrid.audio.roles import ROLES
from hybrid.calibrate.instruments import FAMILY_OF, REFINED_BY_NAME, ROLE_OF, role_of

TRACKS = {
    ("VOCALS", "LEAD", "LeadVox"): "vocal.lead",
    ("VOCALS", "LEAD", "LeadVox4"): "vocal.lead",
    ("VOCALS", "LEAD", "Lead Vox D"): "vocal.lead",
    ("VOCALS", "LEAD", "mV1_09"): "vocal.lead",
    ("VOCALS", "LEAD", "Vox Double"): "vocal.backing",
    ("VOCALS", "LEAD", "LDVocVrsDbl1 CONS"): "vocal.backing",
    ("VOCALS", "BACKGROUND", "JanineVoc"): "vocal.backing",
    ("DRUMS", "KICK", "KOut"): "drums.kick",
    ("DRUMS", "SNARE", "OH Sn"): "drums.snare",
    ("DRUMS", "HI-HAT", "OH Coles_15"): "drums.hihat",
    ("DRUMS", "RIDE", "Rm Ride_15"): "drums.cymbals",
    ("DRUMS", "OVERHEADS", "StOH"): "drums.overheads",
    ("DRUMS", "OVERHEAD", "DrumsRoom (Stereo)"): "drums.room",
    ("DRUMS", "MISC", "BELLS ELAM.01_06"): "drums.percussion",
    ("DRUMS", "MISC", "Snaps1"): "drums.percussion",
    ("DRUMS", "LOOP", "Shaker"): "drums.percussion",
    ("BASS", "ELECTRIC", "BassDI"): "bass.electric",
    ("BASS", "OTHER", "low thing"): "bass",
    ("GUITARS", "ACOUSTIC", "Act Guit"): "guitar.acoustic",
    ("GUITARS", "ELECTRIC", "Leslie Git"): "guitar.electric",
    ("KEYS", "ELECTRIC", "wrlz hi_10"): "keys",
    ("KEYS", "ELECTRIC", "Hammond (Stereo)"): "keys.organ",
    ("KEYS", "ELECTRIC", "SynthPad (Stereo)"): "synth.pad",
    ("KEYS", "ELECTRIC", "LDVocChDbl1 CONS"): "keys",
    ("KEYS", "ACOUSTIC", "Piano (Stereo)"): "keys.piano",
    ("MISC", "MISC", "Snaps1"): "drums.percussion",
    ("MISC", "MISC", "Rainstick"): "unknown",
    (None, None, "Trumpet 2"): "brass",
    ("vocals", "lead", "x"): "vocal.lead",
}


@pytest.mark.parametrize("stated", TRACKS, ids=str)
def test_the_stated_instrument_decides_unless_the_name_is_more_specific(stated: tuple[str | None, str | None, str]):
    assert role_of(*stated) == TRACKS[stated]


def test_only_roles_of_the_vocabulary_are_given():
    finer_roles = {role for roles in REFINED_BY_NAME.values() for role in roles}
    assert {*ROLE_OF.values(), *FAMILY_OF.values(), *REFINED_BY_NAME, *finer_roles} <= set(ROLES)


def test_a_subtype_is_of_the_family_of_its_instrument():
    assert ROLE_OF
    for (instrument, _), role in ROLE_OF.items():
        assert role.split(".")[0] == FAMILY_OF[instrument]
