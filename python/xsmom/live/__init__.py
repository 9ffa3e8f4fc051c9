"""Where engine, venue and journal meet, and where the one real clock is."""
