//! What must not compile, and what the compiler says then.

#[test]
fn what_would_go_wrong_is_refused_in_words() {
    let cases = trybuild::TestCases::new();
    // Also has the cases built, not only checked: the refusal comes when code is generated for the closure's type.
    cases.pass("tests/accepted/*.rs");
    cases.compile_fail("tests/refused/*.rs");
}
