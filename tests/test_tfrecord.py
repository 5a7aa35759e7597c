"""TFRecord files: what is written here TensorFlow reads, and the other way round."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from wsi_idc.model.runtime import load_tensorflow
from wsi_idc.tfrecord import decode_example, encode_example, framed, read_record

FEATURES = {
    "image": [bytes(range(256)) * 3],
    "label": [-1],
    "large": [2**62],
    "tissue_fraction": [0.25],
    "several": [1.5, -2.0],
    "patient": ["µ 7".encode()],
}


def test_tensorflow_reads_what_is_written(tmp_path: Path) -> None:
    tf = load_tensorflow("cpu")
    path = tmp_path / "some.tfrecord"
    path.write_bytes(framed(encode_example(FEATURES)) + framed(encode_example({"label": [7]})))
    first, second = tf.data.TFRecordDataset(str(path))
    read = tf.io.parse_single_example(
        first,
        {
            "image": tf.io.FixedLenFeature([], tf.string),
            "label": tf.io.FixedLenFeature([], tf.int64),
            "large": tf.io.FixedLenFeature([], tf.int64),
            "tissue_fraction": tf.io.FixedLenFeature([], tf.float32),
            "several": tf.io.FixedLenFeature([2], tf.float32),
            "patient": tf.io.FixedLenFeature([], tf.string),
        },
    )
    for name, values in FEATURES.items():
        assert read[name].numpy() == pytest.approx(values if len(values) > 1 else values[0]), name
    label = tf.train.Example.FromString(second.numpy()).features.feature["label"]
    assert list(label.int64_list.value) == [7]


def test_what_tensorflow_writes_is_read(tmp_path: Path) -> None:
    tf = load_tensorflow("cpu")
    example = tf.train.Example()
    for name, values in FEATURES.items():
        kind = {bytes: "bytes_list", int: "int64_list", float: "float_list"}[type(values[0])]
        getattr(example.features.feature[name], kind).value.extend(values)
    path = tmp_path / "some.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(example.SerializeToString())
    with path.open("rb") as file:
        assert read_record(file, 0) == FEATURES


def test_records_are_read_at_their_place() -> None:
    one, two = (framed(encode_example({"row": [row]})) for row in (1, 2))
    file = BytesIO(one + two)
    assert read_record(file, len(one)) == {"row": [2]}
    assert read_record(file, 0) == {"row": [1]}
    for offset, what in ((1, "length is damaged"), (len(one + two), "the file ends before")):
        with pytest.raises(ValueError, match=what):
            read_record(file, offset)


def test_every_damaged_bit_is_noticed() -> None:
    record = framed(encode_example({"row": [12345], "image": [b"abc"]}))
    for byte in range(len(record)):
        damaged = bytearray(record)
        damaged[byte] ^= 0x10
        with pytest.raises(ValueError, match="damaged"):
            read_record(BytesIO(bytes(damaged)), 0)
    for length in range(12, len(record)):
        with pytest.raises(ValueError, match="cut off"):
            read_record(BytesIO(record[:length]), 0)


def test_the_same_features_give_the_same_bytes() -> None:
    backwards = dict(reversed(FEATURES.items()))
    assert encode_example(FEATURES) == encode_example(backwards)
    assert decode_example(encode_example(FEATURES)) == FEATURES


@pytest.mark.parametrize("values", [[], ["text"], [1, 2.0], [True]])
def test_values_that_no_list_holds_are_refused(values: list) -> None:
    with pytest.raises(TypeError, match="feature 'x'"):
        encode_example({"x": values})


def test_no_example_is_told_apart() -> None:
    with pytest.raises(ValueError, match="no Example"):
        decode_example(b"\xff\xff\xff")
