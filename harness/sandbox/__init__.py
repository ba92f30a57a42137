"""Untrusted code: processes of their own, confined, watched and killed. Knows no evolution."""
