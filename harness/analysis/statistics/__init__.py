"""Statistics of plain numbers; no module here knows what a run is."""
