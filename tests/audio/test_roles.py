from __future__ import annotations

import pytest

from hybrid.audio.roles import ROLES, guess, guess_all, is_finished_mix, matches, words
from hybrid.audio.vocabulary import MODIFIERS, NOISE, NOUNS, REFINED, WEAK_NOUNS

NAMES = {
    "01_KickIn": "drums.kick",
    "02_KickOut": "drums.kick",
    "01_BassDrum": "drums.kick",
    "Kick Drum": "drums.kick",
    "808 Kick": "drums.kick",
    "7_linn_kik": "drums.kick",
    "Normalized 1-01_KickIn": "drums.kick",
    "BD": "drums.kick",
    "03_SnareUp": "drums.snare",
    "SN": "drums.snare",
    "Side stick": "drums.snare",
    "05_HiHat": "drums.hihat",
    "HH": "drums.hihat",
    "alt_hats": "drums.hihat",
    "8_live_sound_hh": "drums.hihat",
    "9_closed_hihhat_03": "drums.hihat",
    "06_Tom1": "drums.tom",
    "Floor Tom": "drums.tom",
    "07_Overheads": "drums.overheads",
    "OH": "drums.overheads",
    "OHs": "drums.overheads",
    "DRUM OVERHEAD STEREO L - AR-70 - Neve 33102": "drums.overheads",
    "08_Room": "drums.room",
    "Drums Room": "drums.room",
    "Crash": "drums.cymbals",
    "hand claps": "drums.percussion",
    "main_drums": "drums",
    "drums_break_2": "drums",
    "end_drums": "drums",
    "11_BassDI": "bass.electric",
    "2_bass_slap_02": "bass.electric",
    "bassguitar": "bass.electric",
    "12_BassAmp": "bass",
    "Synth Bass": "bass.synth",
    "Bass Synth": "bass.synth",
    "pad_bass": "bass.synth",
    "Double Bass": "bass.acoustic",
    "Bass Clarinet": "woodwind",
    "11_ElecGtr1a_VoxM160": "guitar.electric",
    "06_ElecGtr2_VoxSM57": "guitar.electric",
    "EG": "guitar.electric",
    "17_AcGtr": "guitar.acoustic",
    "AG": "guitar.acoustic",
    "12 String Gtr": "guitar.acoustic",
    "Gtr": "guitar",
    "Guitar Room": "guitar",
    "leadguitar": "guitar",
    "PANO B": "keys.piano",
    "Pno": "keys.piano",
    "EP": "keys.electric",
    "1_e_piano": "keys.electric",
    "Electric Piano": "keys.electric",
    "clav": "keys.electric",
    "18_Hammond": "keys.organ",
    "B3 Hi": "keys.organ",
    "mallet": "keys.mallet",
    "12_SynthLead": "synth.lead",
    "Lead Synth Dbl.L": "synth.lead",
    "minilogue_synth": "synth",
    "Synth Pad": "synth.pad",
    "Synth Strings": "synth.pad",
    "4_arp": "synth.arp",
    "3_strings_high": "strings",
    "horns": "brass",
    "Tenor Sax": "woodwind",
    "microcosm_effect": "fx",
    "Click": "click",
    "Vocal": "vocal",
    "20_LeadVox": "vocal.lead",
    "vox_lead": "vocal.lead",
    "Main Vocal": "vocal.lead",
    "21_LeadVoxDT": "vocal.backing",
    "22_BackingVox1": "vocal.backing",
    "bgvox_main": "vocal.backing",
    "bvox": "vocal.backing",
    "BGV": "vocal.backing",
    "BGVs": "vocal.backing",
    "Choir": "vocal.backing",
    "Batería": "drums",
    "Schlagzeug": "drums",
    "Grosse Caisse": "drums.kick",
    "E-Gitarre": "guitar.electric",
    "Violão": "guitar.acoustic",
    "Bläser": "brass",
    "Chœur": "vocal.backing",
    "Voz principal": "vocal.lead",
    "Audio 01_03": "unknown",
    "1_default_preset": "unknown",
    "melody_break": "unknown",
    "Electro-Voice RE20": "unknown",
    "U87 Neve 1073": "unknown",
    "": "unknown",
}


@pytest.mark.parametrize(("name", "role"), NAMES.items())
def test_a_name_gives_its_role(name: str, role: str) -> None:
    assert guess(name).role == role


def test_a_name_without_known_words_is_unknown_without_confidence() -> None:
    assert guess("Audio 01_03") == ("unknown", (), 0.0)


@pytest.mark.parametrize(
    ("surer", "less_sure"),
    [
        ("Snare", "SN"),
        ("SN", "closed hihhat"),
        ("hihhat", "Room"),
        ("Room", "Audio 1"),
        ("ElecGtr2_SM57", "ElecGtr2_VoxSM57"),
    ],
)
def test_confidence_falls_from_plain_words_to_hints(surer: str, less_sure: str) -> None:
    assert guess(surer).confidence > guess(less_sure).confidence


def test_the_lead_voice_is_tagged_and_its_double_is_not() -> None:
    assert guess("LeadVox").tags == ("lead",)
    assert guess("LeadVoxDT").tags == ("double",)
    assert guess("Lead Synth Dbl").tags == ("double",)
    assert guess("Lead BGV").tags == ()


def test_several_lead_voices_all_lead() -> None:
    together = guess_all(["Lead Vox", "LeadVox 2", "Lead Vox Dbl"])
    assert [each.tags for each in together] == [("lead",), ("lead",), ("double",)]


def test_an_instrument_is_the_lead_only_without_a_lead_voice() -> None:
    assert guess_all(["LeadGtr", "Drums"])[0].tags == ("lead",)
    assert guess_all(["LeadGtr", "BGV"])[0].tags == ("lead",)
    assert guess_all(["LeadGtr", "LeadVox"])[0].tags == ()


def test_voices_of_no_stated_part_lead_where_no_voice_is_called_the_lead() -> None:
    assert guess_all(["Vox 1", "Vox 2", "BGV"])[1] == ("vocal.lead", ("lead",), 0.63)
    assert guess_all(["Vox 1", "LeadVox"])[0].role == "vocal"


def test_a_bare_lead_is_the_voice_that_backing_voices_lack_and_else_a_synthesiser() -> None:
    assert guess_all(["Lead", "BGV"])[0].role == "vocal.lead"
    assert guess_all(["1_lead", "2_bass"])[0] == ("synth.lead", ("lead",), 0.4)
    assert guess_all(["Lead", "LeadVox", "BGV"])[0] == ("synth.lead", (), 0.4)


@pytest.mark.parametrize(
    "name", ["Mix", "ruff", "2mix", "mixture", "rough mix v2", "Reference", "Artist_Song_MIX", "Artist Song"]
)
def test_a_finished_mix_is_recognised_by_its_name(name: str) -> None:
    assert is_finished_mix(name, "Artist_Song")


@pytest.mark.parametrize("name", ["Drum Mix", "kick", "Room Mix", "Audio 1", "Remix Loop", "Master Keys"])
def test_a_track_is_no_finished_mix(name: str) -> None:
    assert not is_finished_mix(name, "Artist_Song")


def test_mixes_and_tracks_of_a_song_called_mix_or_kick_are_distinguished() -> None:
    assert is_finished_mix("mix", "demo mix")
    assert not is_finished_mix("kick", "kick")
    assert is_finished_mix("Bass Trap_MIX", "Bass Trap")


def test_words_are_cut_at_capitals_digits_and_punctuation() -> None:
    assert words("06_ElecGtr2_VoxSM57") == ["06", "elec", "gtr", "2", "vox", "sm", "57"]
    assert words("BGVox-Été") == ["bg", "vox", "ete"]


def test_a_pattern_matches_a_role_and_those_below_it() -> None:
    assert matches("guitar", "guitar.electric")
    assert matches("guitar.*", "guitar")
    assert matches("all", "unknown")
    assert not matches("guitar.electric", "guitar")
    assert not matches("bass", "bassoon")


def test_the_vocabulary_has_known_roles_only_and_no_word_twice() -> None:
    meant = [*NOUNS, *WEAK_NOUNS, *REFINED.values()]
    assert set(meant) <= set(ROLES)
    assert {base for base, _ in REFINED} <= set(ROLES)
    assert {word for _, word in REFINED} <= {*ROLES, *MODIFIERS}
    listed = [word for table in (NOUNS, WEAK_NOUNS, MODIFIERS) for line in table.values() for word in line.split()]
    assert len(listed) == len(set(listed))
    assert not NOISE & set(listed)
