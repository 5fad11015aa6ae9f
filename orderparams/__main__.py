"""``python -m orderparams`` and the shell command."""

from orderparams import interruption


def main() -> None:
    """Run the command; from the first moment on a signal is answered by one message."""
    with interruption.handled(last=True):
        from orderparams.cli.main import main
        from orderparams.processors import spare_threads_of_blas

        spare_threads_of_blas()
        main()


if __name__ == "__main__":
    main()
