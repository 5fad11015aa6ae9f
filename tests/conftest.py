"""Commands that the tests start take the installed program, not the sources in the folder."""

import os

os.environ["PYTHONSAFEPATH"] = "1"
