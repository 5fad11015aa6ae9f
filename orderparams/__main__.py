"""``python -m orderparams`` is the shell command."""

from orderparams.cli.main import main

main()
