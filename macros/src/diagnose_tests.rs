//! Tests of the messages for `select!`, `join!` and `pin!`: what they say, and the token they point at.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::diagnose::{error, select_error};

/// The text between the quotes of the `compile_error!`, and the source text that it points at.
fn told(expansion: TokenStream) -> (String, String) {
    let mut place: Option<proc_macro2::Span> = None;
    let mut message = String::new();
    let mut pending: Vec<TokenTree> = expansion.into_iter().collect();
    while !pending.is_empty() {
        let token = pending.remove(0);
        let span = token.span();
        place = Some(match place {
            Some(before) => before.join(span).unwrap_or(before),
            None => span,
        });
        match token {
            TokenTree::Group(group) => {
                pending.splice(0..0, group.stream());
            }
            TokenTree::Literal(text) => message = text.to_string().trim_matches('"').to_owned(),
            _ => {}
        }
    }
    (message, place.and_then(|span| span.source_text()).unwrap_or_default())
}

#[track_caller]
fn select_refused(branches: &str, place: &str, text: &str) {
    let (message, source) = told(select_error(branches.parse().unwrap()));
    assert_eq!(source, place, "{branches}: {message}");
    assert!(message.contains(text), "{branches}: {message}");
}

#[test]
fn a_message_stands_at_the_tokens_behind_it() {
    let expansion = error(r#""too many"; one . more"#.parse().unwrap());
    assert!(expansion.to_string().replace(' ', "").contains("compile_error!{"));
    assert_eq!(told(expansion), ("too many".to_owned(), "one . more".to_owned()));
    assert_eq!(told(error(r#""nothing";"#.parse().unwrap())).0, "nothing");
}

#[test]
fn an_invisible_group_is_no_place() {
    let mut input: TokenStream = r#""no";"#.parse().unwrap();
    let fragment = proc_macro2::Group::new(Delimiter::None, "f(x) . y".parse().unwrap());
    input.extend([TokenTree::Group(fragment)]);
    assert_eq!(told(error(input)), ("no".to_owned(), "f(x) . y".to_owned()));
}

#[test]
fn a_branch_without_a_handler_is_shown_its_last_part() {
    select_refused("n = f(1), m = g() => 2", "f(1)", "has no handler");
    select_refused("n = f(1)", "f(1)", "has no handler");
    select_refused("n = f(1), if a || b", "a || b", "has no handler");
    select_refused("n = f(1), if a, m = g() => 2", "a", "has no handler");
    select_refused("n = f(1) => , m = g() => 2", "=>", "a handler is missing");
    select_refused("n = f(1) =>", "=>", "a handler is missing");
}

#[test]
fn a_branch_without_a_future_is_shown_its_pattern() {
    select_refused("Some(n) => 5,", "Some(n)", "has no future");
    select_refused("Some(n)", "Some(n)", "expected `=`");
    select_refused("Some(n) + 1 => 5", "+", "expected `=`");
    select_refused("Some(n) = => 5", "=>", "a future behind `=`");
    select_refused("Some(n) =", "Some(n)", "a future behind `=`");
}

#[test]
fn missing_commas_are_shown_the_token_that_came_too_early() {
    select_refused("n = f() => n m = g() => m", "m", "a comma behind the handler");
    select_refused("n = f() if x => n", "if", "a comma is missing");
    select_refused("n = f() g() => n", "g", "`=> handler`");
}

#[test]
fn else_and_biased_are_shown_where_they_must_not_stand() {
    select_refused("else => 1, n = f() => n", "n", "must be the last");
    select_refused("else => { 1 } else => 2", "else", "must be the last");
    select_refused("else => ", "=>", "a handler is missing");
    select_refused("else { 1 }", "{ 1 }", "`=> handler` behind `else`");
    select_refused("else", "else", "`=> handler` behind `else`");
    select_refused("else if x => 1", "if", "takes no condition");
    select_refused("biased; n = f() => n", "biased", "only `biased;`");
}

#[test]
fn what_is_no_rust_is_shown_where_it_stops_to_be() {
    select_refused("5 + = f() => 1", "+", "expected `=`");
    select_refused("n = f(), if let => 1", "=", "expected one of");
    select_refused("= f() => 1", "=", "");
}

#[test]
fn a_branch_that_seems_right_is_still_refused() {
    // Only what no rule of the macro took comes here.
    select_refused("n = f() => 1,", "n", "does not understand");
}
