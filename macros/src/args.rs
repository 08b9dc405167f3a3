//! The arguments of the attributes: parsed, checked one by one, then against each other.
//!
//! Callers: [`expand`](crate::expand) hands over the tokens between the parentheses.
//! Result: always a usable [`Config`], and beside it the errors. An attribute with a wrong argument
//! still expands, so that its mistake is the only one that the compiler reports.
//!
//! Invariants
//! A1  Every error points at a token that the user wrote: the name, the value, or the whole pair.
//! A2  All errors of one attribute are reported at once, in source order.
//! A3  A `Config` never holds a combination that its flavor refuses.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Lit, LitInt, LitStr, Meta, MetaNameValue, Path, Token};

/// Which of the two attributes is being expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// `#[filch::main]`: multi-threaded unless told otherwise.
    Main,
    /// `#[filch::test]`: current-thread unless told otherwise.
    Test,
}

impl Entry {
    /// The attribute's last path segment.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Entry::Main => "main",
            Entry::Test => "test",
        }
    }

    fn default_flavor(self) -> Flavor {
        match self {
            Entry::Main => Flavor::MultiThread,
            Entry::Test => Flavor::CurrentThread,
        }
    }
}

/// Which runtime runs the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// Work-stealing workers.
    MultiThread,
    /// Everything on the calling thread.
    CurrentThread,
    /// As `CurrentThread`, with `spawn_local` at hand.
    Local,
}

impl Flavor {
    const ALL: [(&'static str, Flavor); 3] = [
        ("multi_thread", Flavor::MultiThread),
        ("current_thread", Flavor::CurrentThread),
        ("local", Flavor::Local),
    ];

    fn parse(text: &LitStr) -> Result<Flavor, Error> {
        let given = text.value();
        if let Some((_, flavor)) = Flavor::ALL.iter().find(|(name, _)| *name == given) {
            return Ok(*flavor);
        }
        let hint = match given.as_str() {
            "threaded_scheduler" | "multi_threaded" | "threaded" => {
                "; did you mean \"multi_thread\"?"
            }
            "single_thread" | "single_threaded" | "basic_scheduler" | "current-thread" => {
                "; did you mean \"current_thread\"?"
            }
            _ => "",
        };
        Err(Error::new(
            text.span(),
            format!(
                "unknown flavor `{given}`: expected \"multi_thread\", \"current_thread\" or \
                 \"local\"{hint}"
            ),
        ))
    }
}

/// What the runtime does about a task that panicked with nobody left to see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnhandledPanic {
    Ignore,
    ShutdownRuntime,
    Abort,
}

impl UnhandledPanic {
    fn parse(text: &LitStr) -> Result<UnhandledPanic, Error> {
        match text.value().as_str() {
            "ignore" => Ok(UnhandledPanic::Ignore),
            "shutdown_runtime" => Ok(UnhandledPanic::ShutdownRuntime),
            "abort" => Ok(UnhandledPanic::Abort),
            other => Err(Error::new(
                text.span(),
                format!(
                    "unknown `unhandled_panic` policy `{other}`: expected \"ignore\", \
                     \"shutdown_runtime\" or \"abort\""
                ),
            )),
        }
    }
}

/// The runtime that an attribute asks for.
pub(crate) struct Config {
    pub(crate) flavor: Flavor,
    pub(crate) worker_threads: Option<LitInt>,
    pub(crate) start_paused: Option<bool>,
    pub(crate) unhandled_panic: Option<UnhandledPanic>,
    pub(crate) name: Option<LitStr>,
    /// A test fails if it leaves tasks behind.
    pub(crate) leak_check: bool,
    /// `crate = ".."`; without it the bare path `filch`.
    pub(crate) crate_path: Option<Path>,
}

/// A value and the `name = value` pair it came from, for errors that only show later.
type Given<T> = Option<(T, MetaNameValue)>;

#[derive(Default)]
struct Arguments {
    flavor: Given<Flavor>,
    worker_threads: Given<LitInt>,
    start_paused: Given<bool>,
    unhandled_panic: Given<UnhandledPanic>,
    name: Given<LitStr>,
    leak_check: Given<bool>,
    crate_path: Given<Path>,
}

/// Every argument, and a value that it would accept.
const EXAMPLES: [(&str, &str); 7] = [
    ("flavor", "\"multi_thread\""),
    ("worker_threads", "4"),
    ("start_paused", "true"),
    ("unhandled_panic", "\"shutdown_runtime\""),
    ("name", "\"my-runtime\""),
    ("leak_check", "true"),
    ("crate", "\"filch\""),
];

const KNOWN: &str = "`flavor`, `worker_threads`, `start_paused`, `unhandled_panic`, `name`, `leak_check` or `crate`";

impl Config {
    /// Reads the tokens between the attribute's parentheses.
    ///
    /// What is wrong is left out of the `Config` and told by the error beside it.
    pub(crate) fn parse(entry: Entry, tokens: TokenStream) -> (Config, Option<Error>) {
        let mut errors = Errors::default();
        let mut arguments = Arguments::default();
        match Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens) {
            Ok(list) => {
                for meta in list {
                    errors.check(arguments.take(meta));
                }
            }
            Err(error) => errors.push(error),
        }
        let config = arguments.into_config(entry, &mut errors);
        (config, errors.0)
    }
}

impl Arguments {
    fn take(&mut self, meta: Meta) -> Result<(), Error> {
        let Some(name) = meta.path().get_ident().map(ToString::to_string) else {
            return Err(unknown(&meta));
        };
        if !EXAMPLES.iter().any(|(known, _)| *known == name) {
            return Err(unknown(&meta));
        }
        let Meta::NameValue(pair) = meta else {
            return Err(Error::new_spanned(
                &meta,
                format!("`{name}` needs a value: `{name} = {}`", example(&name)),
            ));
        };
        match name.as_str() {
            "flavor" => put(&mut self.flavor, pair, |v| Flavor::parse(&string(v)?)),
            "worker_threads" => put(&mut self.worker_threads, pair, count),
            "start_paused" => put(&mut self.start_paused, pair, boolean),
            "unhandled_panic" => {
                put(&mut self.unhandled_panic, pair, |v| UnhandledPanic::parse(&string(v)?))
            }
            "name" => put(&mut self.name, pair, string),
            "leak_check" => put(&mut self.leak_check, pair, boolean),
            _ => put(&mut self.crate_path, pair, path),
        }
    }

    fn into_config(mut self, entry: Entry, errors: &mut Errors) -> Config {
        let flavor = self.flavor.take().map_or(entry.default_flavor(), |(flavor, _)| flavor);
        if flavor != Flavor::MultiThread {
            if let Some((_, pair)) = self.worker_threads.take() {
                errors.push(Error::new_spanned(
                    pair,
                    format!(
                        "`worker_threads` needs the multi-threaded runtime: \
                         `#[filch::{}(flavor = \"multi_thread\", ..)]`",
                        entry.name()
                    ),
                ));
            }
        } else if let Some((_, pair)) = self.start_paused.take() {
            errors.push(Error::new_spanned(
                pair,
                format!(
                    "`start_paused` needs a runtime of one thread: \
                     `#[filch::{}(flavor = \"current_thread\", ..)]`",
                    entry.name()
                ),
            ));
        }
        let leak_check = match self.leak_check.take() {
            Some((_, pair)) if entry == Entry::Main => {
                errors.push(Error::new_spanned(
                    pair.path,
                    "`leak_check` is for tests: `#[filch::test(leak_check = true)]`",
                ));
                false
            }
            given => given.is_some_and(|(wanted, _)| wanted),
        };
        Config {
            flavor,
            worker_threads: self.worker_threads.map(|(value, _)| value),
            start_paused: self.start_paused.map(|(value, _)| value),
            unhandled_panic: self.unhandled_panic.map(|(value, _)| value),
            name: self.name.map(|(value, _)| value),
            leak_check,
            crate_path: self.crate_path.map(|(value, _)| value),
        }
    }
}

/// Stores one argument, once.
fn put<T>(
    slot: &mut Given<T>,
    pair: MetaNameValue,
    parse: impl FnOnce(&MetaNameValue) -> Result<T, Error>,
) -> Result<(), Error> {
    if slot.is_some() {
        return Err(Error::new_spanned(
            &pair,
            format!("`{}` is given more than once", name_of(&pair)),
        ));
    }
    *slot = Some((parse(&pair)?, pair));
    Ok(())
}

fn unknown(meta: &Meta) -> Error {
    let path = meta.path().to_token_stream().to_string().replace(' ', "");
    Error::new_spanned(meta.path(), format!("unknown argument `{path}`: expected {KNOWN}"))
}

fn name_of(pair: &MetaNameValue) -> String {
    pair.path.get_ident().map(ToString::to_string).unwrap_or_default()
}

/// A value that the argument would accept.
fn example(name: &str) -> &'static str {
    EXAMPLES.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}

fn wrong_type(pair: &MetaNameValue, expected: &str) -> Error {
    let name = name_of(pair);
    Error::new_spanned(
        &pair.value,
        format!("`{name}` takes {expected}, as in `{name} = {}`", example(&name)),
    )
}

/// The literal of a pair, also when a `macro_rules!` fragment wrapped it in an invisible group.
fn literal(pair: &MetaNameValue) -> Option<&Lit> {
    let mut value = &pair.value;
    while let Expr::Group(group) = value {
        value = &group.expr;
    }
    match value {
        Expr::Lit(ExprLit { lit, attrs }) if attrs.is_empty() => Some(lit),
        _ => None,
    }
}

fn string(pair: &MetaNameValue) -> Result<LitStr, Error> {
    match literal(pair) {
        Some(Lit::Str(text)) if text.suffix().is_empty() => Ok(text.clone()),
        _ => Err(wrong_type(pair, "a string literal")),
    }
}

fn boolean(pair: &MetaNameValue) -> Result<bool, Error> {
    match literal(pair) {
        Some(Lit::Bool(value)) => Ok(value.value),
        _ => Err(wrong_type(pair, "`true` or `false`")),
    }
}

fn count(pair: &MetaNameValue) -> Result<LitInt, Error> {
    let Some(Lit::Int(number)) = literal(pair) else {
        return Err(wrong_type(pair, "an integer literal"));
    };
    match number.base10_parse::<usize>() {
        Ok(0) => Err(Error::new(number.span(), "`worker_threads` must be at least 1")),
        Ok(_) if matches!(number.suffix(), "" | "usize") => Ok(number.clone()),
        Ok(_) => Err(wrong_type(pair, "a `usize`")),
        Err(_) => Err(Error::new(number.span(), "`worker_threads` is out of range")),
    }
}

fn path(pair: &MetaNameValue) -> Result<Path, Error> {
    let text = string(pair)?;
    text.parse_with(Path::parse_mod_style).map_err(|_| {
        Error::new(text.span(), format!("`crate` takes a path, and `{}` is none", text.value()))
    })
}

/// Errors gathered into one, which prints as several.
#[derive(Default)]
struct Errors(Option<Error>);

impl Errors {
    fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn check(&mut self, result: Result<(), Error>) {
        if let Err(error) = result {
            self.push(error);
        }
    }
}
