"""Signals to stop, held back where nothing may be left half done."""

from __future__ import annotations

import signal

import pytest

from hybrid.processes import signals_deferred


def test_a_signal_waits_for_the_end_of_what_must_not_be_interrupted():
    done = []
    with pytest.raises(KeyboardInterrupt), signals_deferred():
        signal.raise_signal(signal.SIGINT)
        done.append("whole")
    assert done == ["whole"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
