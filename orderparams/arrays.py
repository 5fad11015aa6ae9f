"""Arrays in the signature of a kernel: what numbers, how many axes, in what order in memory.

To a type checker they are plain arrays; :mod:`orderparams.ahead` compiles a kernel for them before
it is called.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

Array1 = Annotated[NDArray[np.float64], "float64", 1, "C"]
Array2 = Annotated[NDArray[np.float64], "float64", 2, "C"]
Array3 = Annotated[NDArray[np.float64], "float64", 3, "C"]
Array4 = Annotated[NDArray[np.float64], "float64", 4, "C"]
Transposed = Annotated[NDArray[np.float64], "float64", 2, "F"]

Integers1 = Annotated[NDArray[np.int64], "int64", 1, "C"]
Integers2 = Annotated[NDArray[np.int64], "int64", 2, "C"]
Integers3 = Annotated[NDArray[np.int64], "int64", 3, "C"]
