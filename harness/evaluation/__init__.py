"""From a candidate to its evaluation or rejection: gates, training, scoring, caches."""
