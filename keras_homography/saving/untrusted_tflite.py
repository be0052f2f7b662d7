"""Check TFLite files of strangers: data, not programs, if they hold built-in operators only.

A TFLite file is a FlatBuffer: tables of offsets into the file. What LiteRT follows without a check
of its own is checked here, within the file's bounds: operators, tensors and the sizes of constants.
The format: `schema.fbs` of LiteRT.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NoReturn

from keras_homography.utils.errors import UserError

MAX_BYTES = 2**30
_MAX_ITEMS = 2**16  # of operators, tensors and the like: a cascade has hundreds
_MAX_TENSOR_BYTES = 2**32  # of all tensors together, before LiteRT shares their memory
_UNKNOWN_SIDE = 512  # pixels: what a side that the file leaves open is counted as
_IDENTIFIER = b"TFL3"
_CUSTOM, _PLACEHOLDER, _LAST_BUILT_IN = 32, 127, 209
# Built-in by number, but what they compute is not in LiteRT.
_FOREIGN = {51: "DELEGATE", 173: "STABLEHLO_CUSTOM_CALL"}
# Bits of an element, by its number in the schema; of a string, resource or variant unknown.
_BITS = [32, 16, 32, 8, 64, 0, 8, 16, 64, 8, 64, 128, 64, 0, 0, 32, 16, 4, 16, 2, 4, 8, 8]


class _DamagedError(Exception):
    """An offset or number leads out of the file."""


def check(content: bytes, name: str, advice: str = "") -> None:
    """Refuse a TFLite file that is damaged, or calls what is not built into LiteRT.

    Args:
      content: of the file.
      name: of the file, for messages.
      advice: how to open it all the same, for messages.

    Raises:
      UserError: it is no TFLite file, is damaged, has custom or Flex operators, or needs more
        memory than any model of ours.
    """

    def refuse(reason: str) -> NoReturn:
        raise UserError(f"{name} is not opened, as it {reason}. {advice}".rstrip())

    if len(content) < 16 or content[4:8] != _IDENTIFIER:
        refuse("is no TFLite file")
    try:
        model = _Table(content, _offset(content, 0))
        _check_operators(model, refuse)
        _check_graphs(model, refuse)
    except (_DamagedError, struct.error):
        refuse("is damaged")


def _check_operators(model: "_Table", refuse: Callable[[str], NoReturn]) -> None:
    for code in model.tables(1):
        built_in = code.number(3, "i")
        if built_in == 0:
            built_in = code.number(0, "b")
        custom_code = code.string(1)
        if built_in in (_CUSTOM, _PLACEHOLDER) or custom_code:
            refuse(f"calls the operator {custom_code!r}, which is not built into LiteRT")
        if built_in in _FOREIGN:
            refuse(f"calls the operator {_FOREIGN[built_in]}, which is not built into LiteRT")
        if not 0 <= built_in <= _LAST_BUILT_IN:
            refuse(f"calls the operator {built_in}, which is not built into LiteRT")


def _check_graphs(model: "_Table", refuse: Callable[[str], NoReturn]) -> None:
    num_codes = model.length(1)
    buffers = [buffer.span(0, 1) for buffer in model.tables(4)]
    # Of files over 2 GiB: the constants lie behind the tables.
    if any(buffer.number(field, "Q") for buffer in model.tables(4) for field in (1, 2)):
        refuse("keeps constants outside of its tables")
    graphs = list(model.tables(2))
    if not graphs:
        raise _DamagedError
    total = 0
    for graph in graphs:
        num_tensors = graph.length(0)
        for tensor in graph.tables(0):
            total += _check_tensor(tensor, buffers, refuse)
        if total > _MAX_TENSOR_BYTES:
            refuse(f"needs more memory than {_MAX_TENSOR_BYTES} bytes")
        _check_indices([*graph.numbers(1), *graph.numbers(2)], num_tensors, 0)
        for operator in graph.tables(3):
            if not 0 <= operator.number(0, "I") < num_codes:
                raise _DamagedError
            # -1 stands for an argument that is left out.
            _check_indices([*operator.numbers(1), *operator.numbers(2)], num_tensors, -1)


def _check_indices(indices: list[int], count: int, least: int) -> None:
    if not all(least <= index < count for index in indices):
        raise _DamagedError


def _check_tensor(
    tensor: "_Table", buffers: list[tuple[int, int]], refuse: Callable[[str], NoReturn]
) -> int:
    """Check the size of a tensor, and of the constant it is; return it in bytes."""
    kind, buffer = tensor.number(1, "b"), tensor.number(2, "I")
    if not 0 <= kind < len(_BITS) or buffer >= max(len(buffers), 1):
        raise _DamagedError
    elements = resized = 1
    for side, is_open in _sides(tensor):
        if side < 0:
            refuse(f"has no tensor of {side} elements, but says so")
        elements *= side
        resized *= _UNKNOWN_SIDE if is_open else side
        if max(elements, resized) > _MAX_TENSOR_BYTES:
            refuse(f"needs more memory than {_MAX_TENSOR_BYTES} bytes")
    size = -(-elements * _BITS[kind] // 8)
    stored = buffers[buffer][1] if buffers else 0
    if _BITS[kind] and stored not in (0, size):
        raise _DamagedError
    return -(-max(elements, resized) * _BITS[kind] // 8)


def _sides(tensor: "_Table") -> list[tuple[int, bool]]:
    """Return the sides of a tensor, and whether an image of another size changes them."""
    sides, signature = tensor.numbers(0), tensor.numbers(7)
    # The first one is the batch, and stays 1. Without open sides there is no signature.
    is_open = [number > 0 and side == -1 for number, side in enumerate(signature)]
    is_open += [False] * (len(sides) - len(is_open))
    return list(zip(sides, is_open, strict=False))


def _offset(content: bytes, place: int) -> int:
    """Follow the unsigned offset at a place."""
    if not 0 <= place <= len(content) - 4:
        raise _DamagedError
    target = place + struct.unpack_from("<I", content, place)[0]
    if target == place or target > len(content) - 4:
        raise _DamagedError
    return target


class _Table:
    """A FlatBuffer's table, none of whose fields is followed out of the file.

    Args:
      content: of the file.
      place: of the table in it.
    """

    def __init__(self, content: bytes, place: int) -> None:
        self._content, self._place = content, place
        start = place - struct.unpack_from("<i", content, place)[0]
        if not 0 <= start <= len(content) - 4:
            raise _DamagedError
        size = struct.unpack_from("<H", content, start)[0]
        if size < 4 or start + size > len(content):
            raise _DamagedError
        self._fields = struct.unpack_from(f"<{size // 2 - 2}H", content, start + 4)

    def _field(self, number: int) -> int | None:
        """Return the place of a field; None if it has its default value."""
        distance = self._fields[number] if number < len(self._fields) else 0
        return self._place + distance if distance else None

    def number(self, field: int, kind: str) -> int:
        """Return a field's number, 0 by default, of a type of `struct`."""
        place = self._field(field)
        return 0 if place is None else int(struct.unpack_from(f"<{kind}", self._content, place)[0])

    def span(self, field: int, item_size: int) -> tuple[int, int]:
        """Return where the items of a vector begin, and how many they are; 0 by default."""
        place = self._field(field)
        if place is None:
            return 0, 0
        start = _offset(self._content, place)
        (count,) = struct.unpack_from("<I", self._content, start)
        if start + 4 + count * item_size > len(self._content):
            raise _DamagedError
        return start + 4, count

    def length(self, field: int) -> int:
        """Return the length of a vector of tables or numbers."""
        count = self.span(field, 4)[1]
        if count > _MAX_ITEMS:
            raise _DamagedError
        return count

    def numbers(self, field: int) -> tuple[int, ...]:
        """Return a vector of int32."""
        count = self.length(field)
        return struct.unpack_from(f"<{count}i", self._content, self.span(field, 4)[0])

    def string(self, field: int) -> str:
        """Return the begin of a string, "" by default."""
        start, count = self.span(field, 1)
        return self._content[start : start + min(count, 64)].decode("utf-8", "replace")

    def tables(self, field: int) -> Iterator["_Table"]:
        """Yield the tables of a vector."""
        start = self.span(field, 4)[0]
        for index in range(self.length(field)):
            yield _Table(self._content, _offset(self._content, start + 4 * index))
