"""Songs composed and played by the program: score → performance → instruments → tracks."""
