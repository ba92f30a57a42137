"""Reading of answers, which are untrusted text: code, JSON."""
