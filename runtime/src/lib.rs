//! filch.
