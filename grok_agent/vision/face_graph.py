"""Repair of the recognizer's graph, which lists more inputs than the picture.

Its constants are inputs too, and so are the weights that lost their use when it was quantized.
OpenCV 5 and onnxruntime ask for a value for every input, and refuse the file as it was published.
"""

from collections.abc import Iterator

GRAPH = 7  # field numbers: in ModelProto,
NODE, INITIALIZER, INPUT = 1, 5, 11  # in GraphProto,
NODE_INPUT, TENSOR_NAME, VALUE_NAME = 1, 8, 1  # in NodeProto, TensorProto, ValueInfoProto

VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5  # protobuf's wire types


def with_true_inputs(model: bytes) -> bytes:
    """The ONNX model with only those graph inputs that some node reads and that are no constants.

    Everything else stays as it is, byte for byte.
    """
    return b"".join(
        _field(GRAPH, _repaired(model[body:end])) if number == GRAPH else model[start:end]
        for number, start, body, end in _parts(model)
    )


def _repaired(graph: bytes) -> bytes:
    parts = list(_parts(graph))
    read: set[bytes] = set()
    constants: set[bytes] = set()
    for number, _, body, end in parts:
        if number == NODE:
            read |= _texts(graph[body:end], NODE_INPUT)
        elif number == INITIALIZER:
            constants |= _texts(graph[body:end], TENSOR_NAME)
    return b"".join(
        graph[start:end]
        for number, start, body, end in parts
        if number != INPUT or _texts(graph[body:end], VALUE_NAME) & read - constants
    )


def _texts(message: bytes, wanted: int) -> set[bytes]:
    return {message[body:end] for number, _, body, end in _parts(message) if number == wanted}


def _parts(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Field number, and where a field, its body and its end lie in ``message``."""
    at = 0
    while at < len(message):
        start = at
        key, at = _varint(message, at)
        wire = key & 7
        body = at
        if wire == VARINT:
            _, at = _varint(message, at)
        elif wire == LENGTH:
            length, body = _varint(message, at)
            at = body + length
        else:
            at += 8 if wire == EIGHT_BYTES else 4
        yield key >> 3, start, body, at


def _field(number: int, body: bytes) -> bytes:
    return _as_varint(number << 3 | LENGTH) + _as_varint(len(body)) + body


def _as_varint(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
