"""The figures of a comparison, one module each; ``catalog`` finds them."""
