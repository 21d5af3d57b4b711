"""Roles of tracks, guessed from their names.

A name is split into words (at punctuation, digits and capitals), words are looked up one to three at a time, longest
first, and the first noun decides: in `ElecGtr2_VoxSM57` the guitar, since amplifier and microphone follow the
instrument. A noun that names only a place or a manner (`room`, `loop`) decides where there is no other. Further words
may refine the role: `synth bass`, `ac gtr`, `lead vox`.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from hybrid.audio.vocabulary import BOUNCES, MODIFIERS, NOISE, NOUNS, REFINED, ROLES, WEAK_NOUNS

__all__ = ["ROLES", "Guess", "guess", "guess_all", "is_finished_mix", "matches", "words"]

_PLAIN, _SHORT, _MISSPELT, _WEAK, _BARE_LEAD = 0.9, 0.7, 0.6, 0.5, 0.4
_CONFLICT_FACTOR = 0.7

_LETTERS = str.maketrans({"œ": "oe", "Œ": "Oe", "ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae"})
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_WORD = re.compile(r"[^\W\d_]+|\d+")


def _by_word(table: Mapping[str, str]) -> dict[str, str]:
    return {word: meaning for meaning, listed in table.items() for word in listed.split()}


_NOUN_OF, _WEAK_NOUN_OF, _MODIFIER_OF = _by_word(NOUNS), _by_word(WEAK_NOUNS), _by_word(MODIFIERS)
_KNOWN = NOISE | _NOUN_OF.keys() | _WEAK_NOUN_OF.keys() | _MODIFIER_OF.keys()
_LONG = sorted(word for word in _KNOWN if len(word) > 4)


class Guess(NamedTuple):
    """A role, the tags `lead` and `double`, and a confidence.

    The confidence is an order, not a probability: 0.9 for a plain word, 0.7 for two letters, 0.6 for a misspelt word,
    0.5 for a word that names only a place or a manner, less where another noun contradicts, 0 for unknown.
    """

    role: str
    tags: tuple[str, ...]
    confidence: float


class _Noun(NamedTuple):
    role: str
    confidence: float


def guess(name: str) -> Guess:
    """The guess for the name of a single track (a file's name without its suffix)."""
    nouns, modifiers = _parse(name)
    role, confidence = _resolve(nouns, modifiers) if nouns else ("unknown", 0.0)
    if "double" in modifiers:
        return Guess(role, ("double",), confidence)
    is_lead = role == "vocal.lead" or ("lead" in modifiers and role != "vocal.backing")
    return Guess(role, ("lead",) if is_lead else (), confidence)


def guess_all(names: Sequence[str]) -> list[Guess]:
    """The guesses for all tracks of one song, where the names of the others count too.

    Without a lead voice by name, voices of no stated part are lead voices. A track that is only called "lead" is a
    synthesiser, or the lead voice if there are backing voices and no lead voice. In a song with a lead voice no
    instrument carries the tag `lead`.
    """
    guesses = [guess(name) for name in names]
    if "vocal.lead" not in _roles(guesses):
        guesses = [_as_lead_voice(each) if each.role == "vocal" else each for each in guesses]
    leaderless = "vocal.backing" in _roles(guesses) and "vocal.lead" not in _roles(guesses)
    guesses = [_as_bare_lead(each, leaderless) for each in guesses]
    if "vocal.lead" not in _roles(guesses):
        return guesses
    return [each if each.role == "vocal.lead" else _without_lead(each) for each in guesses]


def matches(pattern: str, role: str) -> bool:
    """Whether a pattern matches a role: the role itself, one above it ("guitar", "guitar.*"), or "all"."""
    stem = pattern.removesuffix(".*")
    return pattern == "all" or role == stem or role.startswith(f"{stem}.")


def is_finished_mix(name: str, song: str) -> bool:
    """Whether a file's name is that of a mix or master of the whole song, not of a track.

    True for the name of the song itself, for a name with a word such as mix, master, ruff or reference and without an
    instrument (`Drum Mix` is a track), and for what programs and people call a bounce, such as `Stereo Out`.
    """
    spelt = words(name)
    title = [word for word in words(song) if _MODIFIER_OF.get(word) != "mix"]
    rest = [word for word in spelt if word not in title]
    names_instrument = bool(_parse(" ".join(rest))[0])
    is_title = bool(title) and spelt == title and not _parse(name)[0]
    is_bounce = " ".join(word for word in rest if not word.isdigit() or word == "2") in BOUNCES
    return is_title or is_bounce or (not names_instrument and any(_MODIFIER_OF.get(word) == "mix" for word in rest))


def words(name: str) -> list[str]:
    """The words and numbers of a name, in lower case and without accents.

    Those of "06_ElecGtr2_VoxSM57" are 06, elec, gtr, 2, vox, sm, 57.
    """
    decomposed = unicodedata.normalize("NFKD", name.translate(_LETTERS))
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return [word.lower() for word in _WORD.findall(_HUMP.sub(" ", plain))]


def _resolve(nouns: Sequence[_Noun], modifiers: Sequence[str]) -> tuple[str, float]:
    """Role and confidence of the first noun, refined by the modifiers and by the other nouns."""
    role, confidence = nouns[0]
    for modifier in modifiers:
        role = REFINED.get((role, modifier), role)
    for other in nouns[1:]:
        refined = other.role if other.role.startswith(f"{role}.") else REFINED.get((role, other.role), role)
        # another instrument in the name makes the guess less certain
        if refined == role and other.confidence > _WEAK and _family(other.role) != _family(role):
            confidence *= _CONFLICT_FACTOR
        role = refined
    return role, round(confidence, 2)


def _parse(name: str) -> tuple[list[_Noun], list[str]]:
    """The nouns of a name in order, weak and misspelt ones after all others, and its modifiers."""
    nouns: list[_Noun] = []
    weak: list[_Noun] = []
    modifiers: list[str] = []
    for word, is_exact in _vocabulary_words(words(name)):
        if word in _NOUN_OF and is_exact:
            nouns.append(_Noun(_NOUN_OF[word], _PLAIN if len(word) > 2 else _SHORT))
        elif word in _NOUN_OF:
            weak.append(_Noun(_NOUN_OF[word], _MISSPELT))
        elif word in _WEAK_NOUN_OF:
            weak.append(_Noun(_WEAK_NOUN_OF[word], _WEAK))
        elif word in _MODIFIER_OF:
            modifiers.append(_MODIFIER_OF[word])
    return nouns + weak, modifiers


def _vocabulary_words(spelt: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The words of the vocabulary in a name, each with whether it is spelt correctly."""
    at = 0
    while at < len(spelt):
        # the longest match first: "bass drum" is one word
        forms = {n: _vocabulary_form("".join(spelt[at : at + n])) for n in (3, 2, 1)}
        n = next((n for n in forms if forms[n]), 0)
        if n:
            yield forms[n], True
        else:
            yield from _split_or_correct(spelt[at])
        at += max(n, 1)


def _vocabulary_form(word: str) -> str:
    """The word, or else its singular, if it is in the vocabulary; else empty text."""
    return next((form for form in (word, word.removesuffix("s")) if form in _KNOWN), "")


def _split_or_correct(word: str) -> Iterator[tuple[str, bool]]:
    """The two words of a compound (`leadguitar`), or the nearest word to a misspelt one (`hihhat`)."""
    # a shorter part is too often the start of an unrelated word
    for cut in range(3, len(word) - 2):
        first, second = _vocabulary_form(word[:cut]), _vocabulary_form(word[cut:])
        if first and second:
            yield from ((first, True), (second, True))
            return
    if len(word) > 4:
        yield from ((near, False) for near in difflib.get_close_matches(word, _LONG, n=1, cutoff=0.85))


def _family(role: str) -> str:
    return role.partition(".")[0]


def _roles(guesses: Sequence[Guess]) -> set[str]:
    return {each.role for each in guesses}


def _as_lead_voice(each: Guess) -> Guess:
    return Guess("vocal.lead", ("lead",), round(each.confidence * _CONFLICT_FACTOR, 2))


def _as_bare_lead(each: Guess, leads_voices: bool) -> Guess:
    if each.role != "unknown" or each.tags != ("lead",):
        return each
    return Guess("vocal.lead" if leads_voices else "synth.lead", ("lead",), _BARE_LEAD)


def _without_lead(each: Guess) -> Guess:
    return each._replace(tags=tuple(tag for tag in each.tags if tag != "lead"))
