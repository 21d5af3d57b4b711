"""Signals to stop, held back where nothing may be left half done."""

from __future__ import annotations

import signal

import pytest

from hybrid.processes import signals_deferred


@pytest.fixture
def handler():
    """Python's own handler, whatever an earlier test or the shell has left."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_a_signal_waits_for_the_end_of_what_must_not_be_interrupted(handler):
    done = []
    with pytest.raises(KeyboardInterrupt), signals_deferred():
        signal.raise_signal(signal.SIGINT)
        done.append("whole")
    assert done == ["whole"]
    assert signal.getsignal(signal.SIGINT) is handler
