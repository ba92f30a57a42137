"""Write scikit-learn's digits as images: ``python digit_images.py FOLDER``.

``task=image_folder`` reads such a folder, ``train/<class>/*`` and ``test/<class>/*``. It has 1,797
PNG files of 8 x 8 pixels; of each class, every fifth is a test image.
"""

import sys
from collections import Counter
from pathlib import Path

from PIL import Image
from sklearn.datasets import load_digits


def write_images(folder: Path) -> Counter[str]:
    """Write the images; return how many each part has."""
    digits = load_digits()
    seen: Counter[int] = Counter()
    written: Counter[str] = Counter()
    for pixels, label in zip(digits.images, digits.target, strict=True):
        part = "test" if seen[label] % 5 == 0 else "train"
        file = folder / part / str(label) / f"{seen[label]:03d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 15).astype("uint8")).save(file)
        seen[label] += 1
        written[part] += 1
    return written


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004 - the script and the folder
        raise SystemExit("expected one argument: the folder to write to")
    counts = write_images(Path(sys.argv[1]))
    print(f"{counts['train']} training and {counts['test']} test images in {sys.argv[1]}")
