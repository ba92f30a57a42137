"""Tasks as arrays: real digits, real image files, errors that say what to do."""

import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from harness.config.compose import compose
from harness.config.strategies import build
from harness.errors import InputError, MachineError, RecordError
from harness.tasks.image_classification import datasets
from harness.tasks.image_classification.datasets import read_digits
from harness.testing.datasets import ImagesContract


def load(*overrides):
    return build(compose(overrides).task).load()


class TestDigits(ImagesContract):
    @pytest.fixture
    def loader(self):
        return build(compose([]).task)


class TestImageFolder(ImagesContract):
    @pytest.fixture
    def loader(self, folder):
        return build(compose(["task=image_folder", f"task.path={folder}", "task.size=8"]).task)


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
        assert part.inputs.dtype == np.uint8
        assert part.inputs.min() == 0
        assert part.inputs.max() == 255
        assert (part.inputs[:, 0] == part.inputs[:, 2]).all()


def test_the_digits_are_those_that_scikit_learn_loads():
    from sklearn.datasets import load_digits

    theirs = load_digits()
    np.testing.assert_array_equal(read_digits(), np.c_[theirs.data, theirs.target])


def test_no_image_is_in_two_splits(digits):
    known = len(np.unique(read_digits()[:, :-1], axis=0))
    images = [
        p.inputs[:, 0].reshape(len(p), -1) for p in (digits.train, digits.validation, digits.test)
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
    assert data.n_outputs == 3
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
    assert (data.test.inputs[0] == pixels.transpose(2, 0, 1)).all()


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


@pytest.mark.parametrize("name", ["*", "dog"])
def test_too_few_images_of_a_class_to_hold_any_out(folder, name):
    for file in folder.glob(f"train/{name}/[2-9].*"):
        file.unlink()
    of = "cat" if name == "*" else name
    with pytest.raises(InputError, match=rf"a share of 0\.2 for validation, got 2 of {of}"):
        load("task=image_folder", f"task.path={folder}")


def test_what_is_not_read_is_told(folder):
    cat = folder / "train" / "cat"
    (cat / "notes.txt").unlink()
    for name in (".hidden.webp", "Thumbs.db", "u.PNG"):
        (cat / name).write_bytes((cat / "0.png").read_bytes())
    (cat / "deeper").mkdir()
    (folder / "test" / "elk" / "e\n.webp").touch()
    data = load("task=image_folder", f"task.path={folder}")
    assert len(data.train) + len(data.validation) == 31
    (note,) = data.notes
    assert note.startswith("left out: 7 items with another suffix than .bmp, .jpeg, .jpg, .png (")
    assert "test/cat/notes.txt, test/dog/notes.txt, test/elk/e .webp, test/elk/notes.txt, " in note
    assert "train/cat/deeper, ...)" in note
    for path in folder.glob("*/*/notes.txt"):
        path.unlink()
    (folder / "test" / "elk" / "e\n.webp").unlink()
    (cat / "deeper").rmdir()
    assert not load("task=image_folder", f"task.path={folder}").notes


def test_equal_training_images_of_two_classes_are_told(folder):
    for path in folder.glob("*/*/notes.txt"):
        path.unlink()
    images = sorted((folder / "train" / "cat").iterdir())
    for image in images[:3]:
        (folder / "train" / "dog" / f"copy of {image.name}").write_bytes(image.read_bytes())
    (folder / "train" / "cat" / "twice.png").write_bytes(images[9].read_bytes())
    data = load("task=image_folder", f"task.path={folder}", "task.validation_share=0.1")
    (note,) = [note for note in data.notes if "another class" in note]
    assert re.match(r"[2-6] of \d\d training images are identical to one of another class:", note)


def test_cifar10_without_a_network_says_what_to_do_by_hand(tmp_path, monkeypatch):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens: no packet leaves
    with pytest.raises(MachineError, match=r"cifar-10-python\.tar\.gz.*put it into"):
        load("task=cifar10", f"task.root={tmp_path}")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "guided-evolution"


def test_images_are_decoded_once_and_anew_where_a_file_differs(folder, cache, monkeypatch):
    first = load("task=image_folder", f"task.path={folder}")
    (kept,) = cache.iterdir()
    monkeypatch.setattr(datasets, "decoded", None)  # decoding again would fail
    assert load("task=image_folder", f"task.path={folder}").digest == first.digest
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent))
    other = Image.new("RGB", (40, 30), (1, 2, 3))
    other.save(folder / "train" / "cat" / "0.png")
    assert load("task=image_folder", f"task.path={folder}").digest != first.digest
    assert len(list(cache.iterdir())) == 2
    kept.write_bytes(kept.read_bytes()[:-100])
    other = load("task=image_folder", f"task.path={folder}", "task.size=24")
    assert other.input_shape == (3, 24, 24)


def test_a_damaged_cache_is_told_and_never_believed(folder, cache):
    load("task=image_folder", f"task.path={folder}")
    (kept,) = cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:-100])
    with pytest.raises(RecordError, match="Remove it; the data are decoded again"):
        load("task=image_folder", f"task.path={folder}")


DECODE = """
import sys, time
from pathlib import Path
from harness.tasks.image_classification import datasets
decoded = datasets.decoded
def slowly(path, size):
    print("decoding", flush=True)
    time.sleep(float(sys.argv[2]))
    return decoded(path, size)
datasets.decoded = slowly
print(datasets.ImageFolder(path=sys.argv[1], size=8, validation_share=0.2, split_seed=0).load().digest)
"""


def decoding(folder, pause_s):
    return subprocess.Popen(
        [sys.executable, "-c", DECODE, str(folder), str(pause_s)], stdout=subprocess.PIPE, text=True
    )


def test_of_two_processes_one_decodes_and_one_that_is_killed_leaves_nothing(folder, cache):
    killed = decoding(folder, 60)
    assert killed.stdout.readline() == "decoding\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not list(cache.glob("*.npz"))
    told = [process.communicate()[0] for process in [decoding(folder, 0.01) for _ in range(3)]]
    digests = [text.splitlines()[-1] for text in told]
    assert len(set(digests)) == 1
    assert sorted(text.count("decoding") for text in told) == [0, 0, 42]
    assert [path.suffix for path in cache.iterdir()] == [".npz"]


def test_progress_tells_of_every_file(folder, cache):
    seen = []

    def progress(files, what):
        seen.append((what, len(files)))
        return files

    build(compose(["task=image_folder", f"task.path={folder}"]).task).load(progress)
    assert seen == [
        (f"reading {folder}", 42), (f"decoding {folder / 'train'}", 30), (f"decoding {folder / 'test'}", 12)
    ]  # fmt: skip


def test_cifar10_is_read_from_its_files_and_then_from_the_cache(tmp_path, cache, monkeypatch):
    """A set of the published layout, with its own sums, as torchvision checks them."""
    import hashlib
    import pickle

    from torchvision.datasets import CIFAR10

    root = tmp_path / "root" / "cifar-10-batches-py"
    root.mkdir(parents=True)
    rng = np.random.default_rng(0)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    sums = {}
    for name in names:
        content = {"data": rng.integers(0, 255, (20, 3072), "u1"), "labels": [*range(10)] * 2}
        (root / name).write_bytes(pickle.dumps(content))
    (root / "batches.meta").write_bytes(pickle.dumps({"label_names": [*"abcdefghij"]}))
    for file in root.iterdir():
        sums[file.name] = hashlib.md5(file.read_bytes()).hexdigest()
    monkeypatch.setattr(CIFAR10, "train_list", [[n, sums[n]] for n in names[:5]])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", {
        "filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"],
    })  # fmt: skip
    settings = ["task=cifar10", f"task.root={root.parent}"]
    first = load(*settings)
    assert [len(s) for s in (first.train, first.validation, first.test)] == [80, 20, 20]
    monkeypatch.setattr(datasets.Cifar10, "_parts", None)  # torchvision is not asked again
    assert load(*settings).digest == first.digest


@pytest.mark.parametrize("loader", [datasets.Digits, datasets.Cifar10, datasets.ImageFolder])
def test_a_loader_names_its_task_before_it_loads(loader):
    """Plans and estimates need the task of a data set that may not be on this machine."""
    assert loader.kind == "image_classification"


@pytest.mark.parametrize("size", [-1, 0, 30_000, 1 << 62])
def test_images_that_fill_the_memory_are_not_made(tmp_path, size):
    more = {"size": size, "split_seed": 0}
    for data in (
        datasets.Digits(**more),
        datasets.Cifar10(root=str(tmp_path), validation_share=0.1, **more),
    ):
        with pytest.raises(
            InputError, match=r"task\.size: expected 1 or more, and a size at which .* images fit"
        ):
            data.load()
