"""The nouns: frozen values without I/O, which every other room takes and returns."""
