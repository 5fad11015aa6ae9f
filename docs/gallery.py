"""Draws the figures of these pages anew: ``python docs/gallery.py [FIGURE.png]...``.

All of them stand in docs/gallery.md, each below the commands that draw it.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
ENTRY = re.compile(r"^```sh\n(.*?)^```\n\n!\[[^\]]*\]\((\S+)\)$", re.MULTILINE | re.DOTALL)


def entries() -> dict[str, str]:
    """The commands of every figure, by its name."""
    text = (DOCS / "gallery.md").read_text("utf-8")
    return {figure: script for script, figure in ENTRY.findall(text)}


def draw(figure: str, script: str) -> None:
    """Run the commands in a folder of their own, and keep the figure."""
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder)
        drawn = next(Path(folder).rglob(figure), None)
        if ended.returncode or drawn is None:
            sys.exit(f"{figure} is not drawn by\n{script}")
        shutil.copyfile(drawn, DOCS / figure)


def main(asked: list[str]) -> None:
    """Draw the figures that are asked for, or all."""
    known = entries()
    for figure in asked:
        if figure not in known:
            sys.exit(f"gallery.md has no {figure}; it has {', '.join(known)}")
    for figure in asked or known:
        print(figure, flush=True)
        draw(figure, known[figure])


if __name__ == "__main__":
    main(sys.argv[1:])
