"""The pure middle: what is decided of what has happened. No await, no I/O, no clock, no chance, no log."""
