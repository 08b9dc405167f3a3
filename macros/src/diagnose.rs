//! What is wrong with an invocation that no rule of a `macro_rules!` macro took.
//!
//! Callers: `select!`, `join!` and `pin!`, in their last rules. A `macro_rules!` macro can only point at
//! the whole invocation; here the token is found.
//!
//! Invariant
//! D1  The expansion is a `compile_error!` at a token that the user wrote, and nothing else.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, LitStr, Pat, Token};

/// `"message"; tokens`: the message at the tokens, or at the whole invocation if there are none.
pub(crate) fn error(input: TokenStream) -> TokenStream {
    let parse = |input: ParseStream<'_>| {
        let message: LitStr = input.parse()?;
        input.parse::<Token![;]>()?;
        let place = ungrouped(input.parse()?);
        let message = message.value();
        Ok(if place.is_empty() {
            Error::new(Span::call_site(), message)
        } else {
            Error::new_spanned(place, message)
        })
    };
    expression(match parse.parse2(input) {
        Ok(error) | Err(error) => error,
    })
}

/// The tokens without the invisible groups of `macro_rules!` fragments, whose place is in the macro.
fn ungrouped(tokens: TokenStream) -> TokenStream {
    let each = tokens.into_iter().map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            ungrouped(group.stream())
        }
        token => token.into(),
    });
    each.collect()
}

/// The rest of a `select!`, which begins with the branch that was not understood.
pub(crate) fn select_error(branches: TokenStream) -> TokenStream {
    let first = branches.clone().into_iter().next();
    let parse = |input: ParseStream<'_>| {
        let error = branch(input).err();
        // What is left behind the mistake is no mistake of its own.
        input.parse::<TokenStream>()?;
        Ok(error)
    };
    let error = match parse.parse2(branches) {
        Ok(Some(error)) => error,
        Ok(None) => at(first, "`select!` does not understand this branch"),
        Err(error) => error,
    };
    expression(error)
}

fn branch(input: ParseStream<'_>) -> Result<(), Error> {
    if input.peek(Token![else]) {
        return else_branch(input);
    }
    if input.peek(syn::Ident) && input.peek2(Token![;]) {
        let word: syn::Ident = input.parse()?;
        return Err(Error::new(
            word.span(),
            "only `biased;` may stand in front of the branches, once",
        ));
    }
    let pattern = input.call(Pat::parse_multi_with_leading_vert)?;
    if input.peek(Token![=>]) {
        return Err(Error::new_spanned(
            pattern,
            "this branch has no future: `pattern = future => handler`",
        ));
    }
    if !input.peek(Token![=]) {
        return Err(expected(input, pattern, "`=` and a future behind the pattern"));
    }
    input.parse::<Token![=]>()?;
    if input.is_empty() || input.peek(Token![=>]) {
        return Err(expected(input, pattern, "a future behind `=`"));
    }
    let future: Expr = input.parse()?;
    if input.peek(Token![if]) {
        return Err(input.error("a comma is missing between the future and `if`"));
    }
    let mut last = future.to_token_stream();
    if input.peek(Token![,]) && input.peek2(Token![if]) {
        input.parse::<Token![,]>()?;
        input.parse::<Token![if]>()?;
        last = input.parse::<Expr>()?.to_token_stream();
    }
    if input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new_spanned(
            last,
            "this branch has no handler: `pattern = future => handler`",
        ));
    }
    if !input.peek(Token![=>]) {
        return Err(expected(input, last, "`, if condition` or `=> handler` behind the future"));
    }
    let arrow: Token![=>] = input.parse()?;
    handler(input, arrow)
}

fn handler(input: ParseStream<'_>, arrow: Token![=>]) -> Result<(), Error> {
    if input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new_spanned(arrow, "a handler is missing behind `=>`"));
    }
    if input.peek(syn::token::Brace) {
        // A block ends the branch.
        return input.parse::<TokenTree>().map(drop);
    }
    let handler: Expr = input.parse()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    Err(expected(input, handler, "a comma behind the handler, which ends without a brace"))
}

fn else_branch(input: ParseStream<'_>) -> Result<(), Error> {
    let word: Token![else] = input.parse()?;
    if input.peek(Token![if]) {
        return Err(input.error("`else` takes no condition"));
    }
    if !input.peek(Token![=>]) {
        return Err(expected(input, word, "`=> handler` behind `else`"));
    }
    let arrow: Token![=>] = input.parse()?;
    handler(input, arrow)?;
    input.parse::<Option<Token![,]>>()?;
    // The word itself was matched by a rule, which has lost its place.
    let behind = input.cursor().token_tree().map(|(token, _)| token);
    Err(at(behind, "`else` must be the last branch: nothing may stand behind it"))
}

/// At the next token, or at what is there before the end.
fn expected(input: ParseStream<'_>, before: impl ToTokens, what: &str) -> Error {
    let message = format!("expected {what}");
    if input.peek(Token![=>]) {
        // Two punctuation marks: both are shown.
        return match input.parse::<Token![=>]>() {
            Ok(arrow) => Error::new_spanned(arrow, message),
            Err(error) => error,
        };
    }
    match input.cursor().token_tree() {
        Some((next, _)) => Error::new(next.span(), message),
        None => Error::new_spanned(before, message),
    }
}

fn at(token: Option<TokenTree>, message: &str) -> Error {
    Error::new(token.map_or_else(Span::call_site, |token| token.span()), message)
}

/// The first error only: others would follow from it.
fn expression(error: Error) -> TokenStream {
    let mut each = error.into_iter();
    each.next().map(Error::into_compile_error).unwrap_or_default()
}
