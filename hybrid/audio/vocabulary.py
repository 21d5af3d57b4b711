"""The words of track names that engineers, studios and recorders use, by role.

Words are in lower case without accents, in the singular where that is regular, and compounds are joined (`hihat`,
`epiano`). English first, then the commonest German, French, Italian, Spanish and Portuguese.
"""

from __future__ import annotations

ROLES = (
    *("vocal", "vocal.lead", "vocal.backing"),
    *("drums", "drums.kick", "drums.snare", "drums.tom", "drums.hihat", "drums.cymbals"),
    *("drums.overheads", "drums.room", "drums.percussion"),
    *("bass", "bass.electric", "bass.synth", "bass.acoustic"),
    *("guitar", "guitar.electric", "guitar.acoustic"),
    *("keys", "keys.piano", "keys.electric", "keys.organ", "keys.mallet"),
    *("synth", "synth.lead", "synth.pad", "synth.arp"),
    *("strings", "brass", "woodwind", "fx", "click", "reference", "unknown"),
)

NOUNS = {
    "vocal": """
        vocal voc vox vx voice singer sing singing rap rapper vocoder spoken speech narration
        gesang stimme voix chant voce voci voz voces canto""",
    "vocal.lead": "lv ldv ldvox leadvox",
    "vocal.backing": """
        bv bgv bgvox bvox bvoc backvox backvoc choir gang gangvox adlib chor coro cori choeur background""",
    "drums": """
        drum drm drs drumkit drumset kit drummachine breakbeat tr808 tr909
        schlagzeug batterie batteria bateria""",
    "drums.kick": "kick kik kic kck kd bd bassdrum kickdrum subkick bombo cassa grossecaisse grancassa",
    "drums.snare": """
        snare snr snre sn sd rim rimshot sidestick crossstick kleinetrommel caisseclaire rullante caja""",
    "drums.tom": "tom floortom racktom",
    "drums.hihat": "hihat hat hh hhat highhat hihh charleston charley",
    "drums.cymbals": "cymbal cym crash ride china splash becken cymbale piatti platillo prato",
    "drums.overheads": "overhead oh ovhd ovh ovhead",
    "drums.percussion": """
        percussion perc percu perk tambourine tamborine tamb shaker shkr conga bongo cowbell clap handclap
        snap fingersnap stomp clave woodblock cabasa maraca guiro timbale timp timpani triangle djembe cajon
        tabla agogo surdo tamborim pandeiro windchime steeldrum steelpan palma""",
    "bass": "bass bas bs basse basso bajo baixo",
    "bass.electric": "ebass bassguitar bassgtr bassdi bgtr pbass jbass",
    "bass.synth": "synthbass bassline subbass",
    "bass.acoustic": """
        doublebass uprightbass contrabass contrabasso contrabbasso contrabajo contrebasse kontrabass""",
    "guitar": "guitar gtr git gt guit gitarre guitare chitarra guitarra",
    "guitar.electric": """
        eg egtr egit eguitar egitarre elgtr lapsteel pedalsteel slideguitar telecaster stratocaster
        voxamp voxac30 ac30""",
    "guitar.acoustic": """
        ag agtr agit aguitar agitarre acgtr westerngitarre banjo mandolin mando ukulele uke bouzouki sitar
        lute oud dobro violao charango""",
    "keys": """
        keys key keyboard kbd keyb keybd harpsichord accordion
        tastiere teclado clavier cembalo akkordeon""",
    "keys.piano": "piano pno pano klavier flugel pianoforte",
    "keys.electric": "rhodes wurli wurly wurlitzer ep epiano elpiano clav clavinet klavinet cp70 cp80 dx7",
    "keys.organ": "organ org hammond b3 farfisa harmonium orgel orgue organo orgao",
    "keys.mallet": """
        mallet vibe vibraphone marimba xylophone glock glockenspiel kalimba bell celesta celeste musicbox
        glocken""",
    "synth": "synth syn synthesizer synthesiser minilogue minimoog",
    "synth.pad": "pad",
    "synth.arp": "arp arpeggio arpeggiator sequencer seq sequence",
    "strings": """
        string str strg violin vln viola vla cello celli vlc fiddle harp violoncello
        streicher geige corde cordas archi cuerda violon violino arpa""",
    "brass": """
        brass trumpet tpt trp trombone tbn horn tuba flugelhorn cornet
        blaser blechblaser trompete posaune cuivre trompette ottoni tromba metales trompeta""",
    "woodwind": """
        woodwind winds sax saxophone saxophon altosax tenorsax flute clarinet bassclarinet oboe bassoon
        recorder harmonica pennywhistle englishhorn flote klarinette flauta flauto clarinete""",
    "fx": "fx sfx efx soundfx riser downlifter uplifter whoosh impact sweep",
    "click": "click clicktrack metronome metro",
}

WEAK_NOUNS = {
    "vocal.backing": "harmony harmonies harm harmo ooh oohs aah ahh ah soprano alto tenor",
    "drums": "loop beat groove 909",
    "drums.tom": "rack floor",
    "drums.room": "room rm amb ambience ambient ambiance",
    "bass.synth": "sub 808",
    "keys": "chord",
    "synth": "moog juno jupiter prophet serum pluck stab saw",
    "synth.pad": "drone atmo atmos atmosphere texture",
    "strings": "orchestra quartet pizz pizzicato",
    "keys.organ": "leslie",
    "fx": "effect efekt noise verb reverb delay echo crowd glitch",
}

MODIFIERS = {
    "lead": "lead ld",
    "main": "main principal",
    "backing": "backing back backup bkg bkgd bk bg bgd",
    "double": "double doubled doubletrack dbl dubl dub dt",
    "acoustic": "acoustic ac acous akustik acustica acustico acoustique nylon classical upright",
    "electric": """
        electric el elec dist distorted crunch slap fretless
        elektrisch electrique elettrica electrica""",
    "mix": """
        mix mixed mixdown mixture submix ruff rough roughmix fullmix stereomix master mastered premaster
        reference ref bounce""",
}

NOISE = frozenset({"axefx", "electrovoice"})
"""Makers and models whose names contain one of the words above."""

BOUNCES = frozenset(
    {"stereo out", "main out", "master out", "output", "main output", "stereo output", "out", "out 2"}
    | {"2 track", "premix", "pre mix", "print", "full print", "final", "final version", "full song", "whole song"}
    | {"instrumental", "karaoke"}
)
"""Whole names, without other numbers and the song's title, of mixes of a song as programs and people export them."""

REFINED = {
    ("vocal", "lead"): "vocal.lead",
    ("vocal", "main"): "vocal.lead",
    ("vocal", "backing"): "vocal.backing",
    ("vocal", "double"): "vocal.backing",
    ("vocal.lead", "backing"): "vocal.backing",
    ("vocal.lead", "double"): "vocal.backing",
    ("vocal.lead", "vocal.backing"): "vocal.backing",
    ("vocal", "synth.pad"): "synth.pad",
    ("vocal.backing", "synth.pad"): "synth.pad",
    ("bass", "acoustic"): "bass.acoustic",
    ("bass", "electric"): "bass.electric",
    ("bass", "guitar"): "bass.electric",
    ("bass", "synth"): "bass.synth",
    ("bass", "synth.pad"): "bass.synth",
    ("bass", "brass"): "brass",
    ("bass", "woodwind"): "woodwind",
    ("guitar", "acoustic"): "guitar.acoustic",
    ("guitar", "electric"): "guitar.electric",
    ("guitar", "strings"): "guitar.acoustic",
    ("guitar", "bass"): "bass.electric",
    ("keys", "electric"): "keys.electric",
    ("keys.piano", "electric"): "keys.electric",
    ("synth", "lead"): "synth.lead",
    ("synth", "bass"): "bass.synth",
    ("synth", "strings"): "synth.pad",
    ("synth.arp", "bass"): "bass.synth",
    ("synth.lead", "bass"): "bass.synth",
    ("synth.pad", "bass"): "bass.synth",
    ("strings", "synth"): "synth.pad",
    ("strings", "synth.pad"): "synth.pad",
    ("strings", "guitar"): "guitar.acoustic",
    ("strings", "bass"): "bass",
}
"""The refined role, by a role and a modifier, or the role of a later noun, in the same name.

The double of a voice is a backing voice, since it is mixed below the lead and panned beside it.
"""
