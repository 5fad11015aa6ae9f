"""Draws the figures of the gallery anew: ``python docs/gallery.py [FIGURE.png]...``.

On its pages a figure stands below the commands that draw it. Commands without a figure make files
for those that follow.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
PAGES = ("gallery.md",)
BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\n!\[[^\]]*\]\((\S+)\))?", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str]]:
    """Commands and the name of the figure below them, empty without one, from top to bottom."""
    return BLOCK.findall((DOCS / page).read_text("utf-8"))


def run(script: str, folder: str) -> None:
    """Run commands in a folder; the first that fails ends all."""
    if subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder).returncode:
        sys.exit(f"failed:\n{script}")


def draw(page: str, asked: set[str]) -> None:
    """Draw the figures of a page that are asked for, each in a folder of its own."""
    with tempfile.TemporaryDirectory() as shared:
        for script, figure in blocks(page):
            if not figure:
                run(script, shared)
            elif figure in asked:
                print(figure, flush=True)
                with tempfile.TemporaryDirectory() as folder:
                    shutil.copytree(shared, folder, dirs_exist_ok=True)
                    run(script, folder)
                    drawn = next(Path(folder).rglob(figure), None)
                    if drawn is None:
                        sys.exit(f"{page}: the commands above {figure} do not draw it")
                    shutil.copyfile(drawn, DOCS / figure)


def main(names: list[str]) -> None:
    """Draw the figures of these names, or all."""
    known = {page: {figure for _, figure in blocks(page) if figure} for page in PAGES}
    unknown = {*names}.difference(*known.values())
    if unknown:
        sys.exit(f"no figure of {', '.join(PAGES)} is called {', '.join(sorted(unknown))}")
    for page, figures in known.items():
        asked = figures & {*names} if names else figures
        if asked:
            draw(page, asked)


if __name__ == "__main__":
    main(sys.argv[1:])
