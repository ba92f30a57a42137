"""The files of a reproduction as typed values; both are data, and untrusted."""
