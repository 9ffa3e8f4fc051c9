"""A made-up exchange that speaks the real wire protocols, on this machine only."""
