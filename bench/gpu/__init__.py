"""Everything that only a GPU can show, done in pieces: ``python -m bench.gpu --images FOLDER``."""
