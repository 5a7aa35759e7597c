"""TFRecord files of tf.train.Example messages, written and read without TensorFlow.

A record is its length (8 bytes, little endian), the masked CRC-32C of these bytes, the
message, and the masked CRC-32C of the message. The message is a protocol buffer, declared
below as TensorFlow declares it in `example.proto` and `feature.proto`, but in a pool of its
own, so that TensorFlow may be imported beside it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, BinaryIO

import google_crc32c

Feature = Sequence[bytes] | Sequence[int] | Sequence[float]
"""The values of one feature, all of one type."""

_HEADER, _FOOTER = struct.Struct("<QI"), struct.Struct("<I")
_MASK_DELTA = 0xA282EAD8
# Of one patch's record; a damaged length must not ask for all memory.
_LARGEST = 2**31


def encode_example(features: Mapping[str, Feature]) -> bytes:
    """Encode an Example; the same features give the same bytes.

    Raises
    ------
    TypeError
        If a feature is empty or of mixed or other types.
    """
    example = _example_class()()
    for name, values in features.items():
        feature = example.features.feature[name]
        kind = type(values[0]) if values else None
        if kind not in _LISTS or any(type(value) is not kind for value in values):
            raise TypeError(f"feature {name!r} must be a list of bytes, int or float")
        getattr(feature, _LISTS[kind]).value.extend(values)
    encoded: bytes = example.SerializeToString(deterministic=True)
    return encoded


def decode_example(message: bytes) -> dict[str, list[Any]]:
    """The features of an Example, as lists of bytes, int or float.

    Raises
    ------
    ValueError
        If the message is none.
    """
    from google.protobuf.message import DecodeError

    example = _example_class()()
    try:
        example.ParseFromString(message)
    except DecodeError as error:
        raise ValueError(f"no Example message: {error}") from error
    return {
        name: list(getattr(feature, feature.WhichOneof("kind")).value)
        for name, feature in example.features.feature.items()
        if feature.WhichOneof("kind")
    }


def framed(message: bytes) -> bytes:
    """A message as a record."""
    length = struct.pack("<Q", len(message))
    return b"".join(
        (length, _FOOTER.pack(_masked_crc(length)), message, _FOOTER.pack(_masked_crc(message)))
    )


def read_record(file: BinaryIO, offset: int) -> dict[str, list[Any]]:
    """The features of the record that starts at byte `offset`.

    Raises
    ------
    ValueError
        If there is no whole, undamaged record.
    """
    file.seek(offset)
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise ValueError(f"no record at byte {offset}: the file ends before")
    length, crc = _HEADER.unpack(header)
    if crc != _masked_crc(header[:8]) or length > _LARGEST:
        raise ValueError(f"no record at byte {offset}: its length is damaged")
    message = file.read(length)
    footer = file.read(_FOOTER.size)
    if len(message) < length or footer != _FOOTER.pack(_masked_crc(message)):
        raise ValueError(f"the record at byte {offset} is damaged or cut off")
    return decode_example(message)


def _masked_crc(data: bytes) -> int:
    # Checksums of data that holds checksums are weak, so TensorFlow rotates and shifts them.
    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


_LISTS: dict[type | None, str] = {bytes: "bytes_list", float: "float_list", int: "int64_list"}


@cache
def _example_class() -> Any:
    """The class of tf.train.Example."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="example.proto", package="tensorflow", syntax="proto3"
    )

    def message(name: str, *fields: tuple[str, int, int, bool, str]) -> Any:
        declared = file.message_type.add(name=name)
        for field_name, number, kind, repeated, type_name in fields:
            declared.field.add(
                name=field_name,
                number=number,
                type=kind,
                label=kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL,
                type_name=type_name or None,
            )
        return declared

    message("BytesList", ("value", 1, kinds.TYPE_BYTES, True, ""))
    message("FloatList", ("value", 1, kinds.TYPE_FLOAT, True, ""))
    message("Int64List", ("value", 1, kinds.TYPE_INT64, True, ""))
    feature = message(
        "Feature",
        ("bytes_list", 1, kinds.TYPE_MESSAGE, False, ".tensorflow.BytesList"),
        ("float_list", 2, kinds.TYPE_MESSAGE, False, ".tensorflow.FloatList"),
        ("int64_list", 3, kinds.TYPE_MESSAGE, False, ".tensorflow.Int64List"),
    )
    feature.oneof_decl.add(name="kind")
    for field in feature.field:
        field.oneof_index = 0
    features = message(
        "Features",
        ("feature", 1, kinds.TYPE_MESSAGE, True, ".tensorflow.Features.FeatureEntry"),
    )
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    entry.field.add(
        name="value",
        number=2,
        type=kinds.TYPE_MESSAGE,
        label=kinds.LABEL_OPTIONAL,
        type_name=".tensorflow.Feature",
    )
    message("Example", ("features", 1, kinds.TYPE_MESSAGE, False, ".tensorflow.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))
