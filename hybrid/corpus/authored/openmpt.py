"""Tracker modules played by libopenmpt, which is loaded where it is installed: its C interface through ctypes.

Source: libopenmpt/libopenmpt.h and libopenmpt_ext.h of version 0.6, whose interface is stable.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_double, c_float, c_int, c_int32, c_size_t, c_void_p
from ctypes.util import find_library
from functools import cache
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Float32

from hybrid.corpus.authored.types import LONGEST_S
from hybrid.errors import InputError, Problem

INSTALL = "on Debian, apt install libopenmpt0"
_SEPARATION = 2
"""OPENMPT_MODULE_RENDER_STEREOSEPARATION_PERCENT."""
_BLOCK_S = 1.0
_SILENT_LOG = CFUNCTYPE(None, c_char_p, c_void_p)(lambda message, user: None)


def _method(result: type | None, *arguments: type) -> type:
    return CFUNCTYPE(result, c_void_p, *arguments)


class _Interactive(Structure):
    """openmpt_module_ext_interface_interactive: all of its functions, in order."""

    _fields_ = (
        ("set_current_speed", _method(c_int, c_int32)),
        ("set_current_tempo", _method(c_int, c_int32)),
        ("set_tempo_factor", _method(c_int, c_double)),
        ("get_tempo_factor", _method(c_double)),
        ("set_pitch_factor", _method(c_int, c_double)),
        ("get_pitch_factor", _method(c_double)),
        ("set_global_volume", _method(c_int, c_double)),
        ("get_global_volume", _method(c_double)),
        ("set_channel_volume", _method(c_int, c_int32, c_double)),
        ("get_channel_volume", _method(c_double, c_int32)),
        ("set_channel_mute_status", _method(c_int, c_int32, c_int)),
        ("get_channel_mute_status", _method(c_int, c_int32)),
        ("set_instrument_mute_status", _method(c_int, c_int32, c_int)),
        ("get_instrument_mute_status", _method(c_int, c_int32)),
        ("play_note", _method(c_int32, c_int32, c_int32, c_double, c_double)),
        ("stop_note", _method(c_int, c_int32)),
    )


@cache
def _library() -> ctypes.CDLL:
    """The library with the types of the functions used. Raises InputError where it is not installed."""
    name = find_library("openmpt")
    if name is None:
        raise InputError(Problem("libopenmpt", "is not installed: it plays tracker modules", INSTALL))
    library = ctypes.CDLL(name)
    module, text = c_void_p, c_char_p
    declared = {
        "openmpt_get_library_version": (ctypes.c_uint32, []),
        "openmpt_module_ext_create_from_memory": (
            module,
            [c_char_p, c_size_t, *[c_void_p] * 4, POINTER(c_int), POINTER(c_void_p), c_void_p],
        ),
        "openmpt_module_ext_destroy": (None, [module]),
        "openmpt_module_ext_get_module": (module, [module]),
        "openmpt_module_ext_get_interface": (c_int, [module, text, c_void_p, c_size_t]),
        "openmpt_module_get_num_instruments": (c_int32, [module]),
        "openmpt_module_get_num_samples": (c_int32, [module]),
        "openmpt_module_get_num_channels": (c_int32, [module]),
        "openmpt_module_get_num_patterns": (c_int32, [module]),
        "openmpt_module_get_pattern_num_rows": (c_int32, [module, c_int32]),
        "openmpt_module_format_pattern_row_channel": (c_void_p, [module, *[c_int32] * 3, c_size_t, c_int]),
        "openmpt_module_get_instrument_name": (c_void_p, [module, c_int32]),
        "openmpt_module_get_sample_name": (c_void_p, [module, c_int32]),
        "openmpt_module_get_metadata": (c_void_p, [module, text]),
        "openmpt_module_set_render_param": (c_int, [module, c_int, c_int32]),
        "openmpt_module_read_interleaved_float_stereo": (c_size_t, [module, c_int32, c_size_t, POINTER(c_float)]),
        "openmpt_free_string": (None, [c_void_p]),
    }
    for function, (result, arguments) in declared.items():
        getattr(library, function).restype, getattr(library, function).argtypes = result, arguments
    return library


def version() -> str:
    """The version of the library, such as "libopenmpt 0.6.9"."""
    number = _library().openmpt_get_library_version()
    return f"libopenmpt {number >> 24}.{number >> 16 & 255}.{number & 65535}"


class Module:
    """A module in memory. Raises InputError for a file that is none, and where libopenmpt is not installed."""

    def __init__(self, path: Path) -> None:
        self._library = _library()
        self._path = path
        try:
            self._data = path.read_bytes()
        except OSError as error:
            raise InputError(Problem(str(path), f"cannot be read: {error.strerror}")) from error
        # the handle that describes it; each rendering has one of its own, since playing moves it
        self._handle = self._open()
        self._module = self._library.openmpt_module_ext_get_module(self._handle)

    def __enter__(self) -> Module:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._library.openmpt_module_ext_destroy(self._handle)

    def _open(self) -> int:
        code = c_int()
        handle = self._library.openmpt_module_ext_create_from_memory(
            self._data, len(self._data), _SILENT_LOG, None, None, None, byref(code), None, None
        )
        if not handle:
            raise InputError(Problem(str(self._path), "is not a tracker module that libopenmpt can play"))
        return handle

    def _text(self, pointer: int | None) -> str:
        if not pointer:
            return ""
        try:
            return ctypes.string_at(pointer).decode("utf-8", "replace").strip()
        finally:
            self._library.openmpt_free_string(pointer)

    @property
    def format(self) -> str:
        """The format, as its file's suffix: mod, s3m, xm, it."""
        return self._text(self._library.openmpt_module_get_metadata(self._module, b"type"))

    @property
    def title(self) -> str:
        """The title; empty if it has none."""
        return self._text(self._library.openmpt_module_get_metadata(self._module, b"title"))

    @property
    def names(self) -> list[str]:
        """Names of the instruments; of the samples in formats without instruments."""
        n_instruments = self._library.openmpt_module_get_num_instruments(self._module)
        if n_instruments:
            name = self._library.openmpt_module_get_instrument_name
            return [self._text(name(self._module, index)) for index in range(n_instruments)]
        name, n = self._library.openmpt_module_get_sample_name, self._library.openmpt_module_get_num_samples
        return [self._text(name(self._module, index)) for index in range(n(self._module))]

    def cells(self) -> Iterator[str]:
        """What is written in every cell of every pattern, in the notation of the format, 13 characters."""
        library, module = self._library, self._module
        n_channels = library.openmpt_module_get_num_channels(module)
        for pattern in range(library.openmpt_module_get_num_patterns(module)):
            for row in range(library.openmpt_module_get_pattern_num_rows(module, pattern)):
                for channel in range(n_channels):
                    text = library.openmpt_module_format_pattern_row_channel(module, pattern, row, channel, 0, 1)
                    yield self._text(text)

    def render(
        self, sample_rate: int, instrument: int | None = None, separation_percent: int = 100
    ) -> Float32[np.ndarray, "2 time"]:
        """The module from its start to its end, once; of one instrument alone, or of all.

        At a separation of 0 % nothing is panned: both channels are half the sum of left and right.
        """
        handle = self._open()
        try:
            module = self._library.openmpt_module_ext_get_module(handle)
            self._library.openmpt_module_set_render_param(module, _SEPARATION, separation_percent)
            if instrument is not None:
                self._solo(handle, instrument)
            return self._play(module, sample_rate)
        finally:
            self._library.openmpt_module_ext_destroy(handle)

    def _solo(self, handle: int, instrument: int) -> None:
        interactive = _Interactive()
        found = self._library.openmpt_module_ext_get_interface(
            handle, b"interactive", byref(interactive), ctypes.sizeof(interactive)
        )
        if not found:
            raise InputError(Problem("libopenmpt", "cannot mute single instruments", "install version 0.5 or later"))
        for other in range(len(self.names)):
            interactive.set_instrument_mute_status(handle, other, int(other != instrument))

    def _play(self, module: int, sample_rate: int) -> Float32[np.ndarray, "2 time"]:
        size, blocks = round(_BLOCK_S * sample_rate), list[np.ndarray]()
        while len(blocks) * _BLOCK_S < LONGEST_S:
            block = np.zeros((size, 2), np.float32)
            pointer = block.ctypes.data_as(POINTER(c_float))
            n = self._library.openmpt_module_read_interleaved_float_stereo(module, sample_rate, size, pointer)
            if n == 0:
                break
            blocks.append(block[:n])
        return np.ascontiguousarray(np.concatenate(blocks).T) if blocks else np.zeros((2, 0), np.float32)
