//! The function under the attribute, taken apart only as far as needed.
//!
//! Callers: [`expand`](crate::expand).
//! The body stays a group of unparsed tokens: what is in it is the compiler's to judge, so a
//! mistake in it is reported by rustc, at the user's line, and an editor's unfinished code still
//! expands.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Error, Path, Signature, Visibility};

use crate::args::Entry;

/// An item of the form `#[..] pub async fn name(..) -> T { .. }`.
pub(crate) struct Function {
    /// `#[..]` above the function.
    pub(crate) outer: Vec<Attribute>,
    /// `#![..]` at the head of its body.
    pub(crate) inner: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The body without its inner attributes, in the user's braces.
    pub(crate) body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self, Error> {
        let outer = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        let body = match input.parse::<TokenTree>()? {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => group,
            other => return Err(Error::new_spanned(other, "the function needs a body")),
        };
        let (inner, body) = split_inner_attributes(body)?;
        Ok(Function { outer, inner, vis, sig, body })
    }
}

impl Function {
    /// Refuses what the attribute cannot turn into an entry point.
    pub(crate) fn check(&self, entry: Entry) -> Result<(), Error> {
        if self.sig.asyncness.is_none() {
            return Err(Error::new_spanned(
                self.sig.fn_token,
                format!("`#[filch::{}]` needs an `async fn`: `async` is missing", entry.name()),
            ));
        }
        match entry {
            Entry::Main if self.sig.ident == "main" && !self.sig.inputs.is_empty() => {
                Err(Error::new_spanned(&self.sig.inputs, "`main` takes no arguments"))
            }
            Entry::Test => match self.outer.iter().find(|attr| is_std_test(attr.path())) {
                Some(second) => Err(Error::new_spanned(
                    second,
                    "`#[filch::test]` makes the function a test already: remove this attribute, \
                     or it runs twice",
                )),
                None => Ok(()),
            },
            Entry::Main => Ok(()),
        }
    }
}

/// Whether a path names the standard library's `#[test]`.
fn is_std_test(path: &Path) -> bool {
    let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
    match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => path.leading_colon.is_none(),
        ["core" | "std", "prelude", _, "test"] => true,
        _ => false,
    }
}

fn split_inner_attributes(body: Group) -> Result<(Vec<Attribute>, Group), Error> {
    let split = |input: ParseStream<'_>| {
        Ok((Attribute::parse_inner(input)?, input.parse::<TokenStream>()?))
    };
    let (inner, rest) = split.parse2(body.stream())?;
    Ok((inner, braces(rest, body.span())))
}

/// `tokens` in braces that stand where `span` is.
pub(crate) fn braces(tokens: TokenStream, span: Span) -> Group {
    let mut group = Group::new(Delimiter::Brace, tokens);
    group.set_span(span);
    group
}

/// Whether `impl` occurs among the tokens, at any depth.
pub(crate) fn mentions_impl(tokens: impl ToTokens) -> bool {
    tokens.into_token_stream().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "impl",
        TokenTree::Group(group) => mentions_impl(group.stream()),
        _ => false,
    })
}
