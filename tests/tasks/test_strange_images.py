"""Third-party image folders: anything but an image is refused by name, not run or waited for."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from harness.errors import InputError
from harness.reporting.console import loaded
from harness.tasks.image_classification import decoding
from harness.tasks.image_classification.datasets import ImageFolder
from harness.tasks.image_classification.decoding import decoded, read_file

RNG = np.random.default_rng(0)


def encoded(image, kind="PNG", **how):
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def noise(*shape):
    return Image.fromarray(RNG.integers(0, 255, shape or (12, 10, 3), "u1"))


def png(width, height, *chunks):
    """A PNG of a header and some chunks, each with a right sum."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    sums = (struct.pack(">I", zlib.crc32(name + data)) for name, data in parts)
    framed = (struct.pack(">I", len(d)) + n + d + s for (n, d), s in zip(parts, sums, strict=True))
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def text_bomb():
    info = PngImagePlugin.PngInfo()
    info.add_text("comment", "x" * (1 << 21), zip=True)
    return encoded(noise(), pnginfo=info)


JPEG = encoded(noise(8, 8, 3), "JPEG")


def jpeg(*parts):
    """A JPEG with some parts before all others."""
    return JPEG[:2] + b"".join(parts) + JPEG[2:]


def bmp_in_runs(width, height, runs):
    sizes = struct.pack("<IIHHIIIIII", width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    start = 14 + 40 + 1024
    head = b"BM" + struct.pack("<IHHII", start + len(runs), 0, 0, start, 40)
    return head + sizes + bytes(1024) + runs


SCAN = JPEG[JPEG.index(b"\xff\xda") : -2]
REFUSED = {
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "another format"),
    "a TIFF": (encoded(noise(), "TIFF"), "another format"),
    "a WebP": (encoded(noise(), "WEBP"), "another format"),
    "nothing": (b"", "it is empty"),
    "half a PNG": (encoded(noise())[:150], "truncated"),
    "half a JPEG": (encoded(noise(200, 200, 3), "JPEG")[:3000], "truncated"),
    "a bomb of pixels": (png(60_000, 60_000, (b"IDAT", zlib.compress(b"x"))), "decompression bomb"),
    "a thread of pixels": (png(1, 49_000_000, (b"IDAT", zlib.compress(b"x"))), "sides of 65,535"),
    "more pixels than any": (png(9000, 9000, (b"IDAT", zlib.compress(b"x"))), "9000 x 9000 pixels"),
    "no pixels": (png(0, 8, (b"IDAT", zlib.compress(b"x"))), "expected"),
    "a bomb of text": (text_bomb(), "too large"),
    "a bomb of markers": (jpeg(b"\xff\xe5\0\2" * 70_000), "more than 65,536 markers"),
    "a bomb of short markers": (jpeg(b"\xff\xd0" * 70_000), "more than 65,536 markers"),
    "a bomb of markers without length": (jpeg(b"\xff\xe5\0\0" * 70_000), "more than 65,536 markers"),
    "a bomb of filling": (jpeg(b"\xff" * 70_000), "more than 65,536 markers"),
    "a bomb of stray bytes": (jpeg(b"\xff\xd0" + bytes(70_000)), "more than 65,536 markers"),
    "a bomb of escaped bytes": (jpeg(b"\xff\0" * 70_000), "more than 65,536 markers"),
    "a bomb of scans": (JPEG[:-2] + SCAN * 500 + JPEG[-2:], "501 scans, expected at most 500"),
    "a bomb of chunks": (png(8, 8, *[(b"prIv", b"")] * 70_000), "more than 65,536 chunks"),
    "runs of many bytes": (bmp_in_runs(8, 8, b"\0\2\0\0" * (1 << 18)), "it has runs"),
    "runs of many pixels": (bmp_in_runs(7000, 7000, b"\1\0\0\0" * 7000), "it has runs"),
    "16 bits": (encoded(Image.fromarray(np.full((8, 8), 40_000, "u2"))), "16 bits"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_image_is_named_in_a_sentence(tmp_path, content, why, recwarn):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.png: expected an image in the format") as told:
        decoded(tmp_path / "a.png", 8)
    assert why in str(told.value)
    assert "0x" not in str(told.value)
    assert len(str(told.value)) < 600
    assert not list(recwarn)


@pytest.mark.parametrize(
    "kind", ["pipe", "device", "link to a device", "folder", "link to nothing"]
)
def test_what_is_no_file_is_neither_read_nor_waited_for(tmp_path, kind):
    path = tmp_path / "a.png"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path = path.parent / "null"
            path.symlink_to("/dev/null")
        case "link to a device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="expected a file with an image, but it cannot be read"):
        read_file(path)


def test_a_large_file_is_not_read_to_its_end(tmp_path):
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="more than 67,108,864 bytes"):
        read_file(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1"])
def test_images_of_other_modes_become_rgb(tmp_path, mode):
    image = noise().convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    (tmp_path / "a.png").write_bytes(encoded(image, kind))
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        expected = opened.convert("RGB").resize((8, 8), Image.Resampling.BILINEAR)
    for name in ("a.png", "link.png"):
        assert (decoded(tmp_path / name, 8) == np.asarray(expected).transpose(2, 0, 1)).all()


def test_of_an_animation_the_first_image_is_taken(tmp_path):
    first, second = noise(8, 8, 3), noise(8, 8, 3)
    (tmp_path / "a.png").write_bytes(encoded(first, save_all=True, append_images=[second]))
    assert (decoded(tmp_path / "a.png", 8) == np.asarray(first).transpose(2, 0, 1)).all()


@pytest.fixture
def pets(tmp_path, monkeypatch):
    """Two classes of ten training and two test images."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for part, n in (("train", 10), ("test", 2)):
        for name in ("cat", "dog"):
            (tmp_path / "pets" / part / name).mkdir(parents=True)
            for i in range(n):
                noise(8, 8, 3).save(tmp_path / "pets" / part / name / f"{i}.png")
    return tmp_path / "pets"


def load(folder):
    return loaded(ImageFolder(path=str(folder), size=8, validation_share=0.2, split_seed=0))


def test_test_images_among_the_training_images_are_told(pets, capsys):
    assert load(pets).notes == ()
    assert capsys.readouterr().err == ""
    with Image.open(pets / "train" / "cat" / "0.png") as image:
        pixels = image.copy()
    for i in range(1, 10):
        pixels.save(pets / "train" / "cat" / f"{i}.png")
    pixels.save(pets / "test" / "dog" / "1.png", compress_level=1)  # other bytes, the same pixels
    for _ in range(2):  # decoded, then from the cache
        of_test, of_validation = load(pets).notes
        assert of_test.startswith("1 of 4 test images are identical to training images")
        assert "(indices 3 of the split, from 0)" in of_test
        assert of_validation.startswith("2 of 4 validation images")
        assert f"pets: {of_test}\n" in capsys.readouterr().err


def test_names_that_are_no_text_are_read(pets):
    name = os.fsdecode(os.fsencode(pets / "train" / "cat") + b"/\xff.png")
    (pets / "train" / "cat" / "0.png").rename(name)
    assert len(load(pets).train) == 16
    Path(name).write_bytes(b"no image")
    with pytest.raises(InputError, match="expected an image"):
        load(pets)


def test_a_cached_file_of_other_content_is_told(pets):
    first = load(pets)
    (kept,) = decoding_cache(pets)
    content = kept.read_bytes()
    for damaged in (b"", content[:-1], content.replace(b"PK", b"KP"), b"\x80\x04N.", content[50:]):
        kept.write_bytes(damaged)
        with pytest.raises(InputError, match="Remove it; the data are decoded again"):
            load(pets)
    kept.unlink()
    assert load(pets).digest == first.digest


def decoding_cache(pets):
    return list((pets.parent / "cache" / "guided-evolution").glob("*.npz"))


def test_only_the_documented_formats_are_tried():
    assert decoding._FORMATS == ("JPEG", "PNG", "BMP")


def test_few_runs_are_decoded(tmp_path):
    (tmp_path / "a.bmp").write_bytes(bmp_in_runs(8, 8, b"\x08\0\0\0" * 8 + b"\0\1"))
    assert not decoded(tmp_path / "a.bmp", 8).any()


@pytest.mark.parametrize(
    "how", [{}, {"progressive": True}, {"exif": b"Exif\0\0" + b"\xff\xda" * 9000}]
)
def test_a_jpeg_of_any_encoding_is_decoded(tmp_path, how):
    (tmp_path / "a.jpg").write_bytes(encoded(noise(64, 64, 3), "JPEG", **how))
    assert decoded(tmp_path / "a.jpg", 8).any()


def test_room_is_needed_for_the_images_and_their_copy(monkeypatch):
    pages = {"SC_PHYS_PAGES": 1 << 18, "SC_PAGESIZE": 4096}
    monkeypatch.setattr(os, "sysconf", pages.__getitem__)
    decoding.require_room(100, 1000)
    with pytest.raises(InputError, match="fit into a third of this machine's 1 GiB"):
        decoding.require_room(120, 1000)
