"""Tasks as arrays: real digits, real image files, errors that say what to do."""

import numpy as np
import pytest
from PIL import Image

from harness.compose import build, compose
from harness.errors import InputError, MachineError


def load(*overrides):
    return build(compose(overrides).task).load()


def test_digits_are_1797_images_split_60_20_20_by_class(digits):
    parts = (digits.train, digits.validation, digits.test)
    assert sum(map(len, parts)) == 1797
    assert digits.input_shape == (3, 32, 32)
    for label in range(10):
        counts = [int((part.labels == label).sum()) for part in parts]
        total = sum(counts)
        assert counts[0] == round(0.6 * total)
        assert counts[1] == round(0.2 * total)
    for part in parts:
        assert part.images.dtype == np.uint8
        assert part.images.min() == 0
        assert part.images.max() == 255
        assert (part.images[:, 0] == part.images[:, 2]).all()


def test_no_image_is_in_two_splits(digits):
    from sklearn.datasets import load_digits

    known = len(np.unique(load_digits().images.reshape(1797, -1), axis=0))
    images = [
        p.images[:, 0].reshape(len(p), -1) for p in (digits.train, digits.validation, digits.test)
    ]
    assert len(np.unique(np.concatenate(images), axis=0)) == known


def test_the_same_split_every_time_another_with_another_seed(digits):
    assert load().digest == digits.digest
    assert load("task.split_seed=1").digest != digits.digest


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for part, n in (("train", 10), ("test", 4)):
        for name, suffix, mode in (
            ("cat", "png", "L"),
            ("dog", "jpg", "RGB"),
            ("elk", "BMP", "RGB"),
        ):
            where = tmp_path / "pets" / part / name
            where.mkdir(parents=True)
            (where / "notes.txt").write_text("not an image")
            for i in range(n):
                shape = (40, 30) if mode == "L" else (40, 30, 3)
                Image.fromarray(rng.integers(0, 255, shape, "u1"), mode).save(
                    where / f"{i}.{suffix}"
                )
    return tmp_path / "pets"


def test_image_folder_reads_png_jpeg_and_bmp(folder):
    data = load("task=image_folder", f"task.path={folder}", "task.size=24")
    assert data.name == "pets"
    assert data.n_classes == 3
    assert data.input_shape == (3, 24, 24)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [24, 6, 12]
    assert np.bincount(data.validation.labels).tolist() == [2, 2, 2]
    assert np.bincount(data.test.labels).tolist() == [4, 4, 4]


def test_an_image_of_the_right_size_is_taken_as_it_is(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), "u1")
    for part in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(5):
                Image.fromarray(pixels).save(tmp_path / part / name / f"{i}.png")
    data = load("task=image_folder", f"task.path={tmp_path}", "task.size=8")
    assert (data.test.images[0] == pixels.transpose(2, 0, 1)).all()


def test_missing_folder(tmp_path):
    with pytest.raises(InputError, match=r"train/<class>/ and test/<class>/"):
        load("task=image_folder", f"task.path={tmp_path / 'nowhere'}")
    with pytest.raises(InputError, match=r"expected task.path=FOLDER, got none"):
        load("task=image_folder")


def test_folder_without_images_other_classes_or_a_broken_image(folder):
    (folder / "train" / "cat" / "0.png").write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"0\.png: expected an image"):
        load("task=image_folder", f"task.path={folder}")
    for file in (folder / "train" / "cat").glob("*.png"):
        file.unlink()
    with pytest.raises(InputError, match="expected JPEG, PNG or BMP files, found none"):
        load("task=image_folder", f"task.path={folder}")
    (folder / "test" / "yak").mkdir()
    with pytest.raises(InputError, match="the same two or more classes"):
        load("task=image_folder", f"task.path={folder}")


def test_too_few_images_to_hold_any_out(folder):
    for file in folder.glob("train/*/[2-9].*"):
        file.unlink()
    with pytest.raises(InputError, match=r"to hold out a share of 0\.2 for validation, got 2"):
        load("task=image_folder", f"task.path={folder}")


def test_cifar10_without_a_network_says_what_to_do_by_hand(tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens: no packet leaves
    with pytest.raises(MachineError, match=r"cifar-10-python\.tar\.gz.*put it into"):
        load("task=cifar10", f"task.root={tmp_path}")
