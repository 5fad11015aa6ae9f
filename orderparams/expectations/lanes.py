"""A vector of ``LANES`` numbers as a type of compiled code: one register, or a few, of any CPU.

Inside kernels, a :data:`Vector` takes ``+ - * /`` with vectors and with numbers, and the functions
below. :func:`vectors` and :func:`row_vectors` view contiguous arrays of numbers, which live as long
as the view, as arrays of them. Each operation is rounded as IEEE 754 has it, in the order it
is written in, so that the bits of a result depend neither on the CPU nor on the compiler.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import extending
from numba.core import cgutils, types, typing
from numba.core.typing import templates
from numba.np import arrayobj

LANES = 8
BLOCK = 4 * LANES
"""As many vectors as hide the time that one operation takes."""

numba_arrays: Any = arrayobj
numba_extending: Any = extending
numba_templates: Any = templates
numba_typing: Any = typing
numba_utilities: Any = cgutils

REGISTER = ir.VectorType(ir.DoubleType(), LANES)
BITS = ir.VectorType(ir.IntType(64), LANES)
INDICES = ir.VectorType(ir.IntType(32), LANES)


class VectorType(types.Type):
    """Numba's type of a vector."""

    def __init__(self) -> None:
        super().__init__(name=f"float64x{LANES}")


Vector: Any = VectorType()


@numba_extending.register_model(VectorType)
class VectorModel(numba_extending.models.PrimitiveModel):  # type: ignore[misc]
    """A vector is held as LLVM holds one."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, REGISTER)


def register(builder: Any, value: Any) -> Any:
    """A vector as it is, a number in every lane."""
    if value.type == REGISTER:
        return value
    undefined = ir.Constant(REGISTER, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
    return builder.shuffle_vector(first, undefined, lanes)


def define(name: str, *operators: Callable[..., Any]) -> None:
    """Give Python's operators the LLVM instruction of this name."""
    pairs = [(Vector, Vector), (Vector, types.float64), (types.float64, Vector)]
    cases = [numba_typing.signature(Vector, *pair) for pair in pairs]

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return getattr(builder, name)(*(register(builder, value) for value in arguments))

    for operation in operators:
        template = type(name, (numba_templates.ConcreteTemplate,), {"cases": cases})
        numba_templates.infer_global(operation)(template)
        for pair in pairs:
            numba_extending.lower_builtin(operation, *pair)(generate)


define("fadd", operator.add, operator.iadd)
define("fsub", operator.sub, operator.isub)
define("fmul", operator.mul, operator.imul)
define("fdiv", operator.truediv, operator.itruediv)


def instruction(describe: Callable[..., Any]) -> Any:
    """Decorator: a function of compiled code, given by its types and its LLVM instructions."""
    return numba_extending.intrinsic(describe)


@instruction
def splat(_context: Any, x: Any) -> Any:
    """The vector with this number in every lane."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return register(builder, arguments[0])

    return Vector(types.float64), generate


@instruction
def fma(_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a·b + c, rounded once."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(REGISTER, [REGISTER] * 3)
        name = f"llvm.fma.v{LANES}f64"
        function = numba_utilities.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, [register(builder, value) for value in arguments])

    return Vector(a, b, c), generate


@instruction
def maximum(_context: Any, a: Any, b: Any) -> Any:
    """The larger number of each lane; the second where either is not a number."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        left, right = (register(builder, value) for value in arguments)
        return builder.select(builder.fcmp_ordered(">", left, right), left, right)

    return Vector(a, b), generate


@instruction
def choose(_context: Any, a: Any, b: Any, larger: Any, other: Any) -> Any:
    """``larger`` in the lanes where a > b, else ``other``."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        left, right, first, second = (register(builder, value) for value in arguments)
        return builder.select(builder.fcmp_ordered(">", left, right), first, second)

    return Vector(a, b, larger, other), generate


@instruction
def square_root(_context: Any, x: Any) -> Any:
    """√x, rounded once."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(REGISTER, [REGISTER])
        name = f"llvm.sqrt.v{LANES}f64"
        function = numba_utilities.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, arguments)

    return Vector(x), generate


@instruction
def differing_bits(_context: Any, a: Any, b: Any) -> Any:
    """The numbers whose bits are those in which a and b differ."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        left, right = (builder.bitcast(register(builder, value), BITS) for value in arguments)
        return builder.bitcast(builder.xor(left, right), REGISTER)

    return Vector(a, b), generate


@instruction
def lane_sum(_context: Any, x: Any) -> Any:
    """Sum of the lanes, from the first to the last."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        lanes = [builder.extract_element(arguments[0], ir.IntType(32)(n)) for n in range(LANES)]
        return functools.reduce(builder.fadd, lanes)

    return types.float64(x), generate


@instruction
def pair_sums(_context: Any, a: Any, b: Any) -> Any:
    """Sums of neighbouring lanes: those of a, then those of b."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        even, odd = (
            builder.shuffle_vector(
                *arguments, ir.Constant(INDICES, list(range(first, 2 * LANES, 2)))
            )
            for first in (0, 1)
        )
        return builder.fadd(even, odd)

    return Vector(a, b), generate


def octaves(builder: Any, x: Any) -> tuple[Any, Any]:
    """The bits of x, and the whole numbers n for which x/2^n lies in [√½, √2)."""
    bits = builder.bitcast(x, BITS)
    least = ir.Constant(BITS, [0x3FE6A09E667F3BCD] * LANES)  # √½
    return bits, builder.ashr(builder.sub(bits, least), ir.Constant(BITS, [52] * LANES))


@instruction
def octave(_context: Any, x: Any) -> Any:
    """The whole number n for which x/2^n lies in [√½, √2), of positive normal numbers x."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.sitofp(octaves(builder, arguments[0])[1], REGISTER)

    return Vector(x), generate


@instruction
def in_octave(_context: Any, x: Any) -> Any:
    """x/2^n, in [√½, √2), of positive normal numbers x."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bits, count = octaves(builder, arguments[0])
        shifted = builder.shl(count, ir.Constant(BITS, [52] * LANES))
        return builder.bitcast(builder.sub(bits, shifted), REGISTER)

    return Vector(x), generate


def place(context: Any, builder: Any, array: Any, arguments: Any) -> Any:
    """Pointer to the vector that begins at an index of a one-dimensional contiguous array."""
    data = numba_arrays.make_array(array)(context, builder, arguments[0]).data
    return builder.bitcast(builder.gep(data, [arguments[1]]), REGISTER.as_pointer())


@instruction
def load(_context: Any, array: Any, index: Any) -> Any:
    """The LANES numbers of an array (n,) from ``index`` on."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.load(place(context, builder, array, arguments), align=8)

    return Vector(array, types.intp), generate


@instruction
def store(_context: Any, array: Any, index: Any, x: Any) -> Any:
    """Write LANES numbers into an array (n,), from ``index`` on."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], place(context, builder, array, arguments), align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, x), generate


@instruction
def power_of_two(_context: Any, shifted: Any) -> Any:
    """2^n of whole numbers −1022 ≤ n ≤ 1023, given as n + 1.5·2^52."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bias, width = (ir.Constant(BITS, [number] * LANES) for number in (1023, 52))
        bits = builder.add(builder.bitcast(arguments[0], BITS), bias)
        return builder.bitcast(builder.shl(bits, width), REGISTER)

    return Vector(shifted), generate


def view(array: Any, dimensions: int) -> Any:
    """Type and code of an array of vectors on the data of a C-contiguous float64 array.

    With as many dimensions the last axis is divided by LANES, with one less it is the lanes.
    """
    if array.layout != "C" or array.dtype != types.float64:
        return None
    kind = types.Array(Vector, dimensions, "C", aligned=False)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = numba_arrays.make_array(array)(context, builder, arguments[0])
        target = numba_arrays.make_array(kind)(context, builder)
        shape, strides = (
            numba_utilities.unpack_tuple(builder, counts)[:dimensions]
            for counts in (source.shape, source.strides)
        )
        if dimensions == array.ndim:
            shape[-1] = builder.udiv(shape[-1], shape[-1].type(LANES))
            strides[-1] = strides[-1].type(8 * LANES)
        data = builder.bitcast(source.data, REGISTER.as_pointer())
        numba_arrays.populate_array(target, data, shape, strides, 8 * LANES, source.meminfo)
        found = target._getvalue()
        # Numba frees an array after its last use in the source, where the view may still be in use.
        context.nrt.incref(builder, kind, found)
        return found

    return kind(array), generate


@instruction
def vectors(_context: Any, array: Any) -> Any:
    """An array (..., LANES) as an array (...) of vectors."""
    return view(array, array.ndim - 1)


@instruction
def row_vectors(_context: Any, array: Any) -> Any:
    """An array (..., n), n a multiple of LANES, as an array (..., n/LANES) of vectors."""
    return view(array, array.ndim)
