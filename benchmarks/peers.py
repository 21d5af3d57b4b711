"""Speed and memory compared with automix-toolkit, on the same song and batch: python benchmarks/peers.py

    pip install git+https://github.com/csteinmetz1/automix-toolkit    # brings PyTorch

Times, in one process each, a song from disk to disk (ours with `--steps 0 --only-mix`, the peer's console as its own
inference script does it), and a step of training on a batch of 4 songs of 8 tracks and 6 s. The peer's weights are
random: its speed does not depend on them. If the peer is not installed, only ours is measured, with a note.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import numpy as np
import soundfile
from disk_to_disk import write_song

BATCH, N_TRACKS, EXCERPT_S, RATE = 4, 8, 6.0, 44100
# the length that the peer's recipes train on, 5.94 s: its Wave-U-Net halves 12 times and takes multiples of 4096 alone
PEER_SAMPLES = 262144


def timed(work: Callable[[], object], n: int) -> float:
    """Median of `n` times after one warm-up, s."""
    work()
    times = []
    for _ in range(n):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def our_mix(song: Path) -> float:
    """Time of a mix from disk to disk, s."""
    from hybrid.audio.manifest import load_song
    from hybrid.audio.read import open_song
    from hybrid.knowledge.resolve import load_rules
    from hybrid.mixing.deliver import Format
    from hybrid.mixing.plan import MixConfig
    from hybrid.mixing.quick import quick_mix
    from hybrid.proposal.weights import load_network

    rules, config = load_rules(["base"]), MixConfig(0, 0, load_network("base"))

    def work() -> None:
        loaded = load_song(song)
        with tempfile.TemporaryDirectory() as out, open_song(loaded) as reader:
            quick_mix(reader, rules, config, Path(out), Format(RATE, "PCM_24"), progress=lambda stage, share: None)

    return timed(work, 5)


def our_step() -> float:
    """Time of a step of training, s."""
    from flax import nnx

    from hybrid.corpus.card import read_card
    from hybrid.knowledge.resolve import load_rules
    from hybrid.model.field import Field
    from hybrid.model.sizes import Sizes
    from hybrid.training.corpus import examples_of, make_missing
    from hybrid.training.distillation import no_target
    from hybrid.training.example import Shape
    from hybrid.training.recipe import read_recipe
    from hybrid.training.sample import FAMILY_NAMES, ROLE_NAMES, SampleBuilder, stack
    from hybrid.training.step import TrainerSpec, make_trainer, rate_of

    frames = round(EXCERPT_S / 0.4)
    recipe = read_recipe("base").model_copy(update={"n_tracks": N_TRACKS, "n_frames": frames, "batch": BATCH})
    nothing = no_target(N_TRACKS)
    samples = SampleBuilder(
        recipe, load_rules(["base"]), Shape(N_TRACKS, frames, 16), lambda examples: (nothing, nothing)
    )
    examples = examples_of(read_card("synthetic"), "train", BATCH)
    make_missing(examples, lambda share: None)
    batch = stack([samples.plain(each) for each in examples])
    graph, weights = nnx.split(Field(Sizes(len(ROLE_NAMES), len(FAMILY_NAMES)), nnx.Rngs(0)), nnx.Param)
    trainer = make_trainer(TrainerSpec.of(recipe), graph, ())
    learner = trainer.init(weights)

    def work() -> None:
        nonlocal learner
        learner, seen = trainer.step(learner, batch, rate_of(recipe)(0))
        float(seen.loss)

    return timed(work, 9)


def _peer(name: str):
    from automix.models.dmc import DifferentiableMixingConsole
    from automix.models.mixwaveunet import MixWaveUNet

    if name == "MixWaveUNet":
        return MixWaveUNet(N_TRACKS, 2)
    return DifferentiableMixingConsole(RATE)


def peer_mix(song: Path) -> float:
    """Time of a mix by the peer's console, from disk to disk, s."""
    import torch

    model = _peer("DMC").eval()

    def work() -> None:
        files = [soundfile.read(path, dtype="float32", always_2d=True)[0] for path in sorted(song.iterdir())]
        tracks = [samples.mean(axis=1) for samples in files]
        with torch.no_grad(), tempfile.TemporaryDirectory() as out:
            mix, _ = model(torch.from_numpy(np.stack(tracks))[None], torch.zeros(1, len(tracks), dtype=torch.bool))
            mix = (mix / mix.abs().max())[0].numpy()
            soundfile.write(Path(out) / "mix.wav", mix.T, RATE, subtype="PCM_24")

    return timed(work, 3)


def peer_step(name: str) -> float:
    """Time of a step of training of a peer's network, s."""
    import torch

    model = _peer(name).train()
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-4)
    x = torch.randn(BATCH, N_TRACKS, PEER_SAMPLES) * 0.1
    silent = torch.zeros(BATCH, N_TRACKS, dtype=torch.bool)
    target = x.sum(dim=1, keepdim=True).repeat(1, 2, 1)

    def work() -> None:
        optimiser.zero_grad()
        mix, _ = model(x, silent)
        torch.nn.functional.l1_loss(mix, target).backward()
        optimiser.step()

    return timed(work, 3)


WORKS: dict[str, Callable[[Path], float]] = {
    "hybrid, a song": our_mix,
    "hybrid, a step": lambda song: our_step(),
    "DMC, a song": peer_mix,
    "DMC, a step": lambda song: peer_step("DMC"),
    "MixWaveUNet, a step": lambda song: peer_step("MixWaveUNet"),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--song", default="8x180", help="tracks x seconds")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        seconds = WORKS[options.only](options.folder)
        print(json.dumps({"s": seconds, "mib": getrusage(RUSAGE_SELF).ru_maxrss / 1024}))
        return
    has_peer = importlib.util.find_spec("automix") is not None
    n_tracks, length_s = map(int, options.song.split("x"))
    with tempfile.TemporaryDirectory() as scratch:
        song = Path(scratch) / options.song
        write_song(song, n_tracks, length_s)
        for name in WORKS:
            if not (has_peer or name.startswith("hybrid")):
                print(f"{name}: automix-toolkit is not installed here")
                continue
            command = [sys.executable, __file__, "--only", name, "--folder", str(song)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{name}: failed: {done.stderr.strip().splitlines()[-1]}")
                continue
            result = json.loads(done.stdout.splitlines()[-1])
            rate = f", {length_s / result['s']:.1f} times real time" if name.endswith("song") else ""
            print(f"{name}: {result['s']:.3f} s{rate}, {result['mib']:.0f} MiB at the peak", flush=True)


if __name__ == "__main__":
    main()
