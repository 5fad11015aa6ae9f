"""Draws the figures of the gallery anew: ``python docs/gallery.py [FIGURE.png]...``.

In docs/gallery.md each figure stands below the commands that draw it.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PAGE = Path(__file__).with_name("gallery.md")
ENTRY = re.compile(r"^```sh\n(.*?)^```\n+!\[[^\]]*\]\((\S+)\)$", re.MULTILINE | re.DOTALL)


def commands() -> dict[str, str]:
    """The commands of every figure, by its name."""
    return {figure: script for script, figure in ENTRY.findall(PAGE.read_text("utf-8"))}


def draw(figure: str, script: str) -> None:
    """Run the commands in a folder of their own, and keep the figure."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, check=True)
        drawn = next(Path(folder).rglob(figure), None)
        if drawn is None:
            sys.exit(f"{PAGE.name}: the commands above {figure} draw no {figure}")
        shutil.copyfile(drawn, PAGE.with_name(figure))


def main(asked: list[str]) -> None:
    """Draw the figures that are asked for, or all."""
    known = commands()
    for figure in asked:
        if figure not in known:
            sys.exit(f"{PAGE.name} has no figure {figure}; it has {', '.join(known)}")
    for figure in asked or known:
        print(figure, flush=True)
        draw(figure, known[figure])


if __name__ == "__main__":
    main(sys.argv[1:])
