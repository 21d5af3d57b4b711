"""Containers of audio: how much a file really holds, whatever its header says."""
