//! From an `async fn` to the function that builds a runtime and runs it there.
//!
//! Callers: the two attributes in `lib.rs`.
//!
//! `async fn main() -> T { body }` becomes, in outline,
//!
//! ```text
//! fn main() -> T {
//!     let future = async move {
//!         if false { let output: T = unreachable!(); return output; }
//!         body
//!     };
//!     filch::runtime::Builder::new_multi_thread().enable_all().build().expect("..").block_on(future)
//! }
//! ```
//!
//! Invariants
//! E1  The body's tokens, braces included, keep their spans: errors in it point at the user's code.
//! E2  The branch that never runs fixes the output's type before the body is checked. A wrong type
//!     is then reported at the expression that has it, and the body's values coerce to `T` as they
//!     do in a plain function. `impl Trait` and `!` can't be named there and are left out.
//! E3  `block_on` gets the future as it is: no `Send`, no `'static`.
//! E4  A test's future is passed as `Pin<&mut dyn Future>`: one copy of `block_on` serves all tests
//!     of a crate that return the same type.
//! E5  Names of ours are hygienic: the body cannot see or shadow them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ReturnType, Type};

use crate::args::{Config, Entry, Flavor, UnhandledPanic};
use crate::function::{Function, braces, mentions_impl};

/// Expands one attribute; mistakes become `compile_error!`s beside the best expansion possible.
pub(crate) fn expand(entry: Entry, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = match syn::parse2::<Function>(item.clone()) {
        Ok(function) => function,
        Err(error) => return beside(item, error),
    };
    if let Err(error) = function.check(entry) {
        return beside(item, error);
    }
    let (config, error) = Config::parse(entry, arguments);
    let expansion = entry_point(entry, &config, function);
    match error {
        Some(error) => beside(expansion, error),
        None => expansion,
    }
}

fn beside(mut tokens: TokenStream, error: Error) -> TokenStream {
    tokens.extend(error.into_compile_error());
    tokens
}

fn entry_point(entry: Entry, config: &Config, function: Function) -> TokenStream {
    let Function { outer, inner, vis, mut sig, body } = function;
    sig.asyncness = None;

    let test_attribute = match entry {
        Entry::Main => TokenStream::new(),
        Entry::Test => quote! { #[::core::prelude::v1::test] },
    };
    let future = Ident::new("future", Span::mixed_site());
    let mut statements = output_type_hint(&sig.output, sig.paren_token.span.join());
    statements.extend(body.stream());
    let body = braces(statements, body.span());
    let erase_type = match entry {
        Entry::Main => TokenStream::new(),
        Entry::Test => quote! {
            let #future = ::core::pin::pin!(#future);
            let #future: ::core::pin::Pin<&mut dyn ::core::future::Future<Output = _>> = #future;
        },
    };
    let run = run(config, &future);

    quote! {
        #(#outer)*
        #test_attribute
        #vis #sig {
            #(#inner)*
            let #future = async move #body;
            #erase_type
            #[allow(
                clippy::diverging_sub_expression,
                clippy::expect_used,
                clippy::needless_return,
                clippy::unwrap_in_result,
                unreachable_code
            )]
            {
                #run
            }
        }
    }
}

/// The branch of E2, or nothing where the type can't be written in a function's body.
fn output_type_hint(output: &ReturnType, arguments: Span) -> TokenStream {
    let name = Ident::new("output", Span::mixed_site());
    let (ty, span) = match output {
        ReturnType::Default => (quote_spanned! {at(arguments)=> () }, arguments),
        ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)) || mentions_impl(ty) => {
            return TokenStream::new();
        }
        ReturnType::Type(_, ty) => (quote! { #ty }, ty.span()),
    };
    let returned = Ident::new("output", Span::mixed_site().located_at(span));
    quote! {
        #[allow(
            unreachable_code,
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            clippy::restriction
        )]
        if false {
            let #name: #ty = ::core::unreachable!();
            return #returned;
        }
    }
}

/// The statements that run the future and return what it gave.
fn run(config: &Config, future: &Ident) -> TokenStream {
    let built = runtime(config);
    let built = quote! { #built.expect("the runtime could not be built") };
    if !config.leak_check {
        return quote! { return #built.block_on(#future); };
    }
    let filch = crate_path(config);
    let runtime = Ident::new("runtime", Span::mixed_site());
    let output = Ident::new("output", Span::mixed_site());
    quote! {
        let #runtime = #built;
        let #output = #runtime.block_on(#future);
        #filch::macros::support::assert_no_tasks_left(
            #runtime.block_on(#filch::macros::support::tasks_left()),
        );
        return #output;
    }
}

/// The path of the crate `filch` where the function stands.
fn crate_path(config: &Config) -> TokenStream {
    match &config.crate_path {
        Some(path) => quote! { #path },
        None => Ident::new("filch", Span::call_site()).into_token_stream(),
    }
}

/// Our own tokens, shown at a place of the user's.
fn at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

/// The expression that builds the runtime: a `Result`.
fn runtime(config: &Config) -> TokenStream {
    let filch = crate_path(config);
    let constructor = match config.flavor {
        Flavor::MultiThread => quote! { new_multi_thread },
        Flavor::CurrentThread | Flavor::Local => quote! { new_current_thread },
    };
    let worker_threads = config.worker_threads.iter().map(|n| quote! { .worker_threads(#n) });
    let start_paused = config.start_paused.iter().map(|paused| quote! { .start_paused(#paused) });
    let name = config.name.iter().map(|name| quote! { .name(#name) });
    let unhandled_panic = config.unhandled_panic.iter().map(|policy| {
        let policy = match policy {
            UnhandledPanic::Ignore => quote! { Ignore },
            UnhandledPanic::ShutdownRuntime => quote! { ShutdownRuntime },
            UnhandledPanic::Abort => quote! { Abort },
        };
        quote! { .unhandled_panic(#filch::runtime::UnhandledPanic::#policy) }
    });
    let build = match config.flavor {
        Flavor::MultiThread | Flavor::CurrentThread => quote! { build() },
        Flavor::Local => quote! { build_local(::core::default::Default::default()) },
    };
    quote! {
        #filch::runtime::Builder::#constructor()
            .enable_all()
            #(#worker_threads)*
            #(#start_paused)*
            #(#name)*
            #(#unhandled_panic)*
            .#build
    }
}
