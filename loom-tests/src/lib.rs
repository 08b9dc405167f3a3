//! loom models: see the files in `tests/`.
