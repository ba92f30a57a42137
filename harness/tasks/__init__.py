"""What networks are trained on and how they are scored."""
