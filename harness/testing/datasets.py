"""What every data set keeps, as tests to inherit.

A test of a class that loads data is a subclass with a fixture that builds it:

    class TestMine(DatasetContract):
        @pytest.fixture
        def loader(self):
            return Mine(path="...")
"""

import numpy as np
import pytest

from harness.tasks.base import Dataset, Loader


class DatasetContract:
    """What data of any kind keep; subclass it with a fixture ``loader``."""

    @pytest.fixture
    def loader(self) -> Loader:
        """Return the object with ``load``; a subclass overrides this."""
        pytest.fail("expected a fixture that builds the class with load")

    @pytest.fixture
    def dataset(self, loader: Loader) -> Dataset:
        """Return the data, loaded once."""
        return loader.load()

    def test_the_declared_kind_is_the_kind(self, loader: Loader, dataset: Dataset) -> None:
        """A class may declare the kind of its data; estimates believe it."""
        assert getattr(loader, "kind", dataset.kind) == dataset.kind

    def test_the_same_data_every_time(self, loader: Loader, dataset: Dataset) -> None:
        """The digest is part of a run's identity."""
        assert loader.load().digest == dataset.digest

    def test_every_split_has_inputs_of_one_shape_and_a_label_for_each(
        self, dataset: Dataset
    ) -> None:
        """Splits are not empty."""
        for split in (dataset.train, dataset.validation, dataset.test):
            assert 0 < len(split) == len(split.inputs)
            assert split.inputs.shape[1:] == dataset.input_shape
            assert split.inputs.dtype == dataset.train.inputs.dtype
            assert split.labels.dtype == np.int64

    def test_an_input_that_two_splits_share_is_told(self, dataset: Dataset) -> None:
        """Readers of a score need to know; ``Dataset.notes`` is where."""
        train, validation, test = (
            {one.tobytes() for one in split.inputs}
            for split in (dataset.train, dataset.validation, dataset.test)
        )
        assert dataset.notes or not (train & validation or train & test)


class ImagesContract(DatasetContract):
    """What images with one label each keep, the kind ``image_classification``."""

    def test_images_are_bytes_in_channels(self, dataset: Dataset) -> None:
        """(n, channels, height, width), uint8."""
        assert dataset.kind == "image_classification"
        assert dataset.train.inputs.dtype == np.uint8
        assert dataset.train.inputs.ndim == 4  # noqa: PLR2004 - as above

    def test_labels_are_classes_that_training_shows(self, dataset: Dataset) -> None:
        """From 0 to ``n_outputs`` - 1; every class can be learned."""
        classes = set(range(dataset.n_outputs))
        assert set(dataset.train.labels.tolist()) == classes
        assert set(dataset.validation.labels.tolist()) <= classes
        assert set(dataset.test.labels.tolist()) <= classes
