"""Tests that proposers, selections and data sets inherit; they need pytest."""
