"""Published claims, checked against recorded runs."""
