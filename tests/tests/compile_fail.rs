//! Code that must not compile: each file in `compile_fail/`, with what the compiler says about it.
//!
//! The messages are held to the token that they point at. Nearly all are filch's own; where rustc's wording
//! is among them (`entry_types`, `select_wrong_types`, `join`) another release of it may need
//! new files. After a change that is meant, run this test with `TRYBUILD=overwrite` and read the difference.

#[test]
fn mistakes_are_reported_at_the_users_token() {
    trybuild::TestCases::new().compile_fail("compile_fail/*.rs");
}
