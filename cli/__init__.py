"""The shell command: one thin file a subcommand, heavy imports inside the functions."""
