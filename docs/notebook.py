"""Runs the notebook of these pages from top to bottom, and stores what it shows.

python docs/notebook.py            writes docs/python-tutorial.ipynb anew
python docs/notebook.py -o FILE    writes FILE instead
"""

import argparse
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).with_name("python-tutorial.ipynb")


def executed(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The same notebook with its outputs, run in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=300,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
        )
        client.execute()
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = {}
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def main() -> None:
    """Write the notebook with its outputs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", "--output", type=Path, default=NOTEBOOK)
    path = parser.parse_args().output
    nbformat.write(executed(nbformat.read(NOTEBOOK, as_version=4)), path)


if __name__ == "__main__":
    main()
