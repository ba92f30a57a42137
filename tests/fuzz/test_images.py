"""Image files changed at random: an array of the right shape, or the documented refusal."""

import io
import resource
import time
import warnings

import numpy as np
from PIL import Image

from harness.errors import InputError
from harness.tasks.image_classification.decoding import decoded
from tests.support.fuzzing import fuzz, mutated

_MOST_S = 30.0
_MOST_MIB = 1500


def sound_files():
    """Small images in the three formats, of several modes, and in one format that is refused."""
    pixels = np.random.default_rng(0).integers(0, 255, (20, 24, 3), "u1")
    image = Image.fromarray(pixels)
    for kind, modes in {
        "PNG": ("RGB", "RGBA", "P", "L", "LA", "1"),
        "JPEG": ("RGB", "L", "CMYK"),
        "BMP": ("RGB", "P", "1"),
        "WEBP": ("RGB",),
    }.items():
        for mode in modes:
            file = io.BytesIO()
            image.convert(mode).save(file, kind)
            yield file.getvalue()
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "a description"
    image.save(file, "JPEG", exif=exif, progressive=True, dpi=(72, 72))
    yield file.getvalue()


def test_changed_images_are_decoded_or_refused(tmp_path):
    files = list(sound_files())
    done = {"decoded": 0, "refused": 0}

    def attempt(rng):
        path = tmp_path / "a.png"
        path.write_bytes(mutated(files[int(rng.integers(0, len(files)))], rng))
        start = time.monotonic()
        try:
            image = decoded(path, 8)
        except InputError as refused:
            done["refused"] += 1
            sentence = str(refused)
        else:
            done["decoded"] += 1
            sentence = ""
            assert (image.shape, image.dtype) == ((3, 8, 8), np.uint8)
        assert "\n" not in sentence
        assert len(sentence) < 800
        assert time.monotonic() - start < _MOST_S

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with warnings.catch_warnings(action="error"):
        n = fuzz(attempt, least=200)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < _MOST_MIB << 10
    assert n > 20
    assert min(done.values())
    print(f"{n} images: {done}")
