"""Where people watch and command. It reads notes and sends commands; it never decides."""
