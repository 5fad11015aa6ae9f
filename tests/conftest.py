"""Commands that the tests start use the installed program, not the sources in the working folder."""

import os

os.environ["PYTHONSAFEPATH"] = "1"
