"""Songs in files that hold their author's balance: tracker modules, General MIDI, and projects of LMMS."""
