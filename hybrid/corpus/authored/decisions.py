"""`decisions.json`, format `decisions/1`: what a person decided of each track of a song, beside its tracks and mix."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from hybrid import document, shelf
from hybrid.corpus.authored.types import Quantity
from hybrid.corpus.card import read_card
from hybrid.corpus.split import split_songs
from hybrid.validation import validate_document

FILE = "decisions.json"
CARD = "card.yaml"
"""The card of a corpus that was built, in its folder."""
SCHEMA = "decisions/1"
_STRICT = ConfigDict(extra="forbid", frozen=True)


class TrackDecision(BaseModel):
    """What became of a track in the mix."""

    model_config = _STRICT

    id: str
    raw_lufs: float | None
    """Integrated loudness of the raw track, LUFS; None if it is too quiet to have one."""
    level_lu: float | None
    """Integrated loudness of the treated track less that of the mix, LU; None if it is too quiet to have one."""
    pan: Annotated[float, Field(ge=-100.0, le=100.0)] | None
    """Position in pan units, -100 for left; None if it cannot be told."""
    send_db: float | None = None
    """Level of the send to the reverb, relative to its highest, dB; None without one."""
    fader_db: float | None = None
    """Gain of the faders that it runs through, dB; None where the format has none."""
    effects: tuple[str, ...] = ()
    """Names of the effects that it runs through, without those of the whole."""
    decided: tuple[Quantity, ...]
    """Quantities that the author set; the others are what the format begins with, and no decision."""

    @property
    def gain_lu(self) -> float | None:
        """Level in the mix less that of the raw track, LU; None where either is too quiet to have one."""
        return None if self.level_lu is None or self.raw_lufs is None else self.level_lu - self.raw_lufs


class Decisions(BaseModel):
    """What a person decided of a song."""

    model_config = _STRICT

    schema_: Annotated[Literal["decisions/1"], Field(alias="schema")] = SCHEMA
    title: str
    author: str
    licence: str
    source: str
    """The file that it is made from, from the folder of the data set; after a colon its part of an archive."""
    source_sha256: str
    renderer: str
    """Program and version, and the sounds that it plays."""
    raw_levels: Literal["recorded", "normalised"]
    """Whether the loudness of the raw tracks tells something, or was set by the program."""
    residual_db: float | None
    """Power of the mix less the sum of the treated tracks, relative to the mix, dB; None where the mix is that sum."""
    tracks: tuple[TrackDecision, ...]


def read_decisions(path: Path) -> Decisions:
    """The decisions in a file. Raises InputError with every problem of the file."""
    # JSON is YAML, and the reader of YAML knows the line of every value
    return validate_document(Decisions, document.read(path))


def decided_folders(corpus: Path) -> dict[Path, str]:
    """The songs with decisions in a folder, each with its split by the folder's `card.yaml`; empty where it says none.

    Raises InputError if the card is not valid.
    """
    folders = sorted(path.parent for path in corpus.glob(f"*/{FILE}"))
    card = corpus / CARD
    shares = read_card(str(card)).artists if card.is_file() else {}
    split_of = split_songs((folder.name for folder in folders), shares, 0) if shares else {}
    return {folder: split_of.get(folder.name, "") for folder in folders}


def write_decisions(decisions: Decisions, path: Path) -> None:
    """Writes the file, whole or not at all."""
    shelf.write(path, decisions.model_dump_json(by_alias=True, indent=2) + "\n")
