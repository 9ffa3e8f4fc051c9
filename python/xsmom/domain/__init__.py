"""The nouns, as frozen dataclasses: standard library and NumPy only, no I/O, no clock."""
