"""The watchdog as a process: what it reads, what it does, and how it says that it lives."""
