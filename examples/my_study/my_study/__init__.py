"""An arm and a task of a study: ``ablation=one_width``, ``task=stripes``."""
