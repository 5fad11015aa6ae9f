"""Result files in the formats of other tools, written piece by piece.

No writer holds more in memory than a piece of the numbers (``storage.groups.PIECE``) and the axes
and labels of one group.
"""

from orderparams.exports.formats import ENDINGS, WRITERS, export_file

__all__ = ["ENDINGS", "WRITERS", "export_file"]
