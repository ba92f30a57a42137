"""Image classification: data sets, augmentation, scores, words."""
