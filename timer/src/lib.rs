//! The hierarchical timer wheel and the clock.
