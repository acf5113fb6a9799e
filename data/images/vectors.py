"""What numba's loops lack: many bytes at once, at any place of an array. Each is written for LLVM, for any processor.

No index is checked: whoever calls has done that.
"""

from importlib import import_module
from typing import Any

_intrinsic: Any = import_module("numba.core.extending").intrinsic
_types: Any = import_module("numba").types
_ir: Any = import_module("llvmlite.ir")


def _at(context: Any, builder: Any, kind: Any, array: Any, index: Any, bits: int, number: int) -> Any:
    """A pointer to `number` integers of `bits` bits from a byte of an array of bytes on."""
    data = context.make_array(kind)(context, builder, array).data
    element = _ir.IntType(bits)
    return builder.bitcast(builder.gep(data, [index]), (_ir.VectorType(element, number)).as_pointer())


def _copy(size: int) -> Any:
    def copy(typing: Any, into: Any, to: Any, source: Any, begin: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            target = _at(context, builder, signature.args[0], given[0], given[1], 8, size)
            origin = _at(context, builder, signature.args[2], given[2], given[3], 8, size)
            builder.store(builder.load(origin, align=1), target, align=1)
            return context.get_dummy_value()

        return _types.void(into, _types.int64, source, _types.int64), code

    return _intrinsic(copy)


copy8 = _copy(8)
copy16 = _copy(16)
"""16 bytes of `source` from `begin` on `into` another array of bytes, or the same, from `to` on."""
copy32 = _copy(32)


def _byte(typing: Any, array: Any, index: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, given[0]).data
        return builder.zext(builder.load(builder.gep(data, [given[1]])), _ir.IntType(64))

    return _types.int64(array, _types.int64), code


byte = _intrinsic(_byte)
"""A byte of an array of bytes, as a signed word."""


def _word(typing: Any, array: Any, index: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        eight = builder.load(_at(context, builder, signature.args[0], given[0], given[1], 8, 8), align=1)
        return builder.bitcast(eight, _ir.IntType(64))

    return _types.uint64(array, _types.int64), code


word = _intrinsic(_word)
"""Eight bytes of an array of bytes, the first one lowest."""


def _put(typing: Any, array: Any, index: Any, value: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        target = _at(context, builder, signature.args[0], given[0], given[1], 8, 8)
        builder.store(builder.bitcast(given[2], _ir.VectorType(_ir.IntType(8), 8)), target, align=1)
        return context.get_dummy_value()

    return _types.void(array, _types.int64, _types.uint64), code


put = _intrinsic(_put)
"""Eight bytes into an array of bytes, the lowest one first."""


def _most32(typing: Any, array: Any, at: Any, other: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = signature.args[0]
        here, there = (_at(context, builder, kind, given[0], index, 8, 32) for index in given[1:])
        first, second = builder.load(here, align=1), builder.load(there, align=1)
        larger = builder.select(builder.icmp_unsigned(">", first, second), first, second)
        builder.store(larger, here, align=1)
        return context.get_dummy_value()

    return _types.void(array, _types.int64, _types.int64), code


most32 = _intrinsic(_most32)
"""32 bytes of an array from `at` on, each the larger of itself and that as far from `other` on."""


def _unlike32(typing: Any, array: Any, one: Any, other: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = signature.args[0]
        first, second = (
            builder.load(_at(context, builder, kind, given[0], index, 8, 32), align=1) for index in given[1:]
        )
        bits = builder.bitcast(builder.icmp_unsigned("!=", first, second), _ir.IntType(32))
        return builder.zext(bits, _ir.IntType(64))

    return _types.int64(array, _types.int64, _types.int64), code


unlike32 = _intrinsic(_unlike32)
"""Which of the 32 bytes of an array from `one` on are not those from `other` on, as bits."""


def _raise(planes: int, masked: bool) -> Any:
    def codes(typing: Any, bits: Any, width: Any, at: Any, last: Any, lifted: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            kind = _ir.VectorType(_ir.IntType(8), 32)
            spread = _ir.Constant(_ir.VectorType(_ir.IntType(32), 32), [k // 8 for k in range(32)])
            own = _ir.Constant(kind, [1 << k % 8 for k in range(32)])
            array, w, at, last, into = given

            def all_(value: int) -> Any:
                return _ir.Constant(kind, [value] * 32)

            def plane(index: Any) -> Any:
                four = builder.load(_at(context, builder, signature.args[0], array, index, 8, 4), align=1)
                each = builder.and_(builder.shuffle_vector(four, four, spread), own)
                return builder.sext(builder.icmp_unsigned("==", each, own), kind)

            total = all_(0)
            place = at
            for p in range(planes):
                total = builder.or_(total, builder.and_(plane(place), all_(1 << p)))
                place = builder.add(place, w)
            if planes == 8:  # as `reduce` codes them: 16 steps to an octave from 32 on
                coarse = total
                for octave in range(3):
                    step = builder.add(builder.lshr(total, all_(octave + 1)), all_(16 * (octave + 1)))
                    reached = builder.icmp_unsigned(">=", total, all_(32 << octave))
                    coarse = builder.select(reached, step, coarse)
                total = coarse
            if masked:
                total = builder.or_(total, plane(builder.add(last, at)))
            total = builder.add(total, all_(1))
            pixel = builder.shl(at, _ir.Constant(at.type, 3))
            builder.store(total, _at(context, builder, signature.args[4], into, pixel, 8, 32), align=1)
            return context.get_dummy_value()

        whole = _types.int64
        return _types.void(bits, whole, whole, whole, lifted), code

    return _intrinsic(codes)


raise4 = _raise(4, False)
"""The codes of 32 pixels, of which only the lowest four planes are looked at, and one more, into `lifted`.

`bits`: planes of `width` bytes one after the other; `at`: the byte of the first of these pixels in a plane.
"""
raise4_masked = _raise(4, True)
"""As `raise4`, and 0 where the plane that begins at `last` has a bit."""
raise5_masked = _raise(5, True)
raise8_masked = _raise(8, True)
