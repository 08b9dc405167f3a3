//! Tests of the parser and of what is generated, on tokens; `tests/` runs the attributes for real.

use proc_macro2::TokenStream;
use syn::{Error, ItemFn};

use crate::args::{Config, Entry, Flavor, UnhandledPanic};
use crate::expand::expand;
use crate::function::{Function, mentions_impl};

fn tokens(source: &str) -> TokenStream {
    source.parse().unwrap_or_else(|error| panic!("{source}: {error}"))
}

/// Each error's message and the source text it points at.
fn told(error: Option<Error>) -> Vec<(String, String)> {
    error
        .into_iter()
        .flatten()
        .map(|error| (error.to_string(), error.span().source_text().unwrap_or_default()))
        .collect()
}

fn accepted(entry: Entry, arguments: &str) -> Config {
    let (config, error) = Config::parse(entry, tokens(arguments));
    assert_eq!(told(error), [], "{arguments}");
    config
}

/// Holds `arguments` to exactly one error, which points at `place` and contains `text`.
#[track_caller]
fn refused(entry: Entry, arguments: &str, place: &str, text: &str) {
    let told = told(Config::parse(entry, tokens(arguments)).1);
    assert_eq!(told.len(), 1, "{arguments}: {told:?}");
    let (message, source) = &told[0];
    assert_eq!(source, place, "{arguments}: {message}");
    assert!(message.contains(text), "{arguments}: {message}");
}

fn generated(entry: Entry, arguments: &str, item: &str) -> String {
    expand(entry, tokens(arguments), tokens(item)).to_string().replace(' ', "")
}

#[track_caller]
fn function_refused(entry: Entry, item: &str, place: &str, text: &str) {
    let function: Function = syn::parse_str(item).unwrap();
    let told = told(function.check(entry).err());
    assert_eq!(told.len(), 1, "{item}: {told:?}");
    assert_eq!(told[0].1, place);
    assert!(told[0].0.contains(text), "{}", told[0].0);
    // The item stays as it was, so that nothing else is reported about it.
    let output = expand(entry, TokenStream::new(), tokens(item)).to_string();
    assert!(output.starts_with(&tokens(item).to_string()), "{output}");
    assert!(output.contains("compile_error"), "{output}");
}

#[test]
fn no_arguments_give_each_attribute_its_default() {
    for (entry, flavor) in
        [(Entry::Main, Flavor::MultiThread), (Entry::Test, Flavor::CurrentThread)]
    {
        let config = accepted(entry, "");
        assert_eq!(config.flavor, flavor);
        assert!(config.worker_threads.is_none());
        assert!(config.start_paused.is_none());
        assert!(config.unhandled_panic.is_none());
        assert!(config.name.is_none());
        assert!(!config.leak_check);
        assert!(config.crate_path.is_none());
    }
}

#[test]
fn every_argument_is_read() {
    let config = accepted(
        Entry::Test,
        r#"flavor = "multi_thread", worker_threads = 0x10, name = "n", crate = "a::b","#,
    );
    assert_eq!(config.flavor, Flavor::MultiThread);
    assert_eq!(config.worker_threads.unwrap().base10_parse::<usize>().unwrap(), 16);
    assert_eq!(config.name.unwrap().value(), "n");
    assert_eq!(config.crate_path.unwrap().segments.len(), 2);

    let config = accepted(
        Entry::Main,
        r#"flavor = "local", start_paused = true, unhandled_panic = "shutdown_runtime""#,
    );
    assert_eq!(config.flavor, Flavor::Local);
    assert_eq!(config.start_paused, Some(true));
    assert_eq!(config.unhandled_panic, Some(UnhandledPanic::ShutdownRuntime));
    for (value, policy) in [("ignore", UnhandledPanic::Ignore), ("abort", UnhandledPanic::Abort)] {
        let config = accepted(Entry::Main, &format!("unhandled_panic = {value:?}"));
        assert_eq!(config.unhandled_panic, Some(policy));
    }
    assert_eq!(accepted(Entry::Main, r#"flavor = "current_thread""#).flavor, Flavor::CurrentThread);
    assert!(accepted(Entry::Test, "leak_check = true").leak_check);
    assert!(!accepted(Entry::Test, "leak_check = false").leak_check);
}

#[test]
fn a_literal_in_an_invisible_group_is_read() {
    use proc_macro2::{Delimiter, Group, TokenTree};
    let mut arguments = tokens("worker_threads =");
    let group = Group::new(Delimiter::None, tokens("3"));
    arguments.extend([TokenTree::Group(group)]);
    let (config, error) = Config::parse(Entry::Main, arguments);
    assert_eq!(told(error), []);
    assert_eq!(config.worker_threads.unwrap().base10_digits(), "3");
}

#[test]
fn unknown_arguments_point_at_their_name() {
    refused(Entry::Main, "threads = 4", "threads", "unknown argument `threads`");
    refused(Entry::Main, "a::flavor = 4", "a::flavor", "unknown argument `a::flavor`");
    refused(Entry::Test, "threads", "threads", "expected `flavor`");
    refused(Entry::Test, "core_threads(4)", "core_threads", "unknown argument");
}

#[test]
fn a_missing_value_points_at_the_argument() {
    refused(Entry::Main, "flavor", "flavor", "`flavor = \"multi_thread\"`");
    refused(Entry::Main, "worker_threads(4)", "worker_threads(4)", "`worker_threads = 4`");
    refused(Entry::Test, "start_paused", "start_paused", "`start_paused = true`");
    refused(Entry::Test, "name", "name", "needs a value");
    refused(Entry::Test, "crate", "crate", "needs a value");
    refused(Entry::Test, "leak_check", "leak_check", "`leak_check = true`");
    refused(Entry::Test, "unhandled_panic", "unhandled_panic", "needs a value");
}

#[test]
fn a_value_of_the_wrong_type_points_at_the_value() {
    refused(Entry::Main, "flavor = 1", "1", "a string literal");
    refused(Entry::Main, "flavor = multi_thread", "multi_thread", "a string literal");
    refused(Entry::Main, r#"flavor = "local"x"#, r#""local"x"#, "a string literal");
    refused(Entry::Main, r#"worker_threads = "4""#, r#""4""#, "an integer literal");
    refused(Entry::Main, "worker_threads = 1.0", "1.0", "an integer literal");
    refused(Entry::Main, "worker_threads = 2 + 2", "2 + 2", "an integer literal");
    refused(Entry::Main, "worker_threads = 4u8", "4u8", "a `usize`");
    refused(Entry::Test, "start_paused = 1", "1", "`true` or `false`");
    refused(Entry::Test, "unhandled_panic = true", "true", "a string literal");
    refused(Entry::Test, "name = name", "name", "a string literal");
    refused(Entry::Test, "leak_check = 1", "1", "`true` or `false`");
    refused(Entry::Test, "crate = 5", "5", "a string literal");
}

#[test]
fn a_value_out_of_range_points_at_the_value() {
    refused(Entry::Main, r#"flavor = "green""#, r#""green""#, "unknown flavor `green`");
    refused(
        Entry::Main,
        r#"flavor = "threaded_scheduler""#,
        r#""threaded_scheduler""#,
        "did you mean \"multi_thread\"?",
    );
    refused(
        Entry::Main,
        r#"flavor = "basic_scheduler""#,
        r#""basic_scheduler""#,
        "did you mean \"current_thread\"?",
    );
    refused(Entry::Main, "worker_threads = 0", "0", "at least 1");
    refused(Entry::Main, "worker_threads = -1", "-1", "out of range");
    let huge = "99999999999999999999999";
    refused(Entry::Main, &format!("worker_threads = {huge}"), huge, "out of range");
    refused(Entry::Test, r#"unhandled_panic = "exit""#, r#""exit""#, "`exit`");
    refused(Entry::Test, r#"crate = "not a path""#, r#""not a path""#, "takes a path");
    refused(Entry::Test, r#"crate = """#, r#""""#, "takes a path");
}

#[test]
fn an_argument_given_twice_points_at_the_second() {
    for (first, second) in [
        (r#"flavor = "multi_thread""#, r#"flavor = "local""#),
        ("worker_threads = 1", "worker_threads = 2"),
        (r#"unhandled_panic = "ignore""#, r#"unhandled_panic = "shutdown_runtime""#),
        (r#"name = "a""#, r#"name = "b""#),
        (r#"crate = "a""#, r#"crate = "b""#),
    ] {
        refused(Entry::Main, &format!("{first}, {second}"), second, "more than once");
    }
    refused(
        Entry::Test,
        "start_paused = true, start_paused = false",
        "start_paused = false",
        "more than once",
    );
}

#[test]
fn an_argument_that_the_flavor_refuses_points_at_the_pair() {
    for flavor in ["current_thread", "local"] {
        refused(
            Entry::Main,
            &format!("flavor = \"{flavor}\", worker_threads = 4"),
            "worker_threads = 4",
            "#[filch::main(flavor = \"multi_thread\", ..)]",
        );
    }
    refused(
        Entry::Test,
        "worker_threads = 4",
        "worker_threads = 4",
        "#[filch::test(flavor = \"multi_thread\", ..)]",
    );
    refused(
        Entry::Main,
        "start_paused = true",
        "start_paused = true",
        "#[filch::main(flavor = \"current_thread\", ..)]",
    );
    refused(
        Entry::Test,
        r#"start_paused = true, flavor = "multi_thread""#,
        "start_paused = true",
        "#[filch::test(flavor = \"current_thread\", ..)]",
    );
}

#[test]
fn only_a_test_can_be_checked_for_leaks() {
    refused(Entry::Main, "leak_check = true", "leak_check", "#[filch::test(leak_check = true)]");
    refused(Entry::Main, "leak_check = false", "leak_check", "is for tests");

    let checked = generated(
        Entry::Test,
        r#"crate = "rt", leak_check = true"#,
        "async fn t() -> Result<(), E> { Ok(()) }",
    );
    let block_on = checked.find("letoutput=runtime.block_on(future);").unwrap();
    let check = checked.find("rt::macros::support::assert_no_tasks_left(").unwrap();
    let output = checked.find("returnoutput;}}").unwrap();
    assert!(block_on < check && check < output, "{checked}");
    let unchecked = generated(Entry::Test, "leak_check = false", "async fn t() {}");
    assert!(!unchecked.contains("assert_no_tasks_left"), "{unchecked}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let (config, error) =
        Config::parse(Entry::Main, tokens("flavor = 1, threads = 2, worker_threads = 0, name"));
    let places: Vec<String> = told(error).into_iter().map(|(_, place)| place).collect();
    assert_eq!(places, ["1", "threads", "0", "name"]);
    assert_eq!(config.flavor, Flavor::MultiThread);
    assert!(config.worker_threads.is_none());
}

#[test]
fn arguments_that_are_no_list_are_refused() {
    for arguments in ["flavor = ", "= 4", "flavor = \"local\" start_paused = true", "4"] {
        let (_, error) = Config::parse(Entry::Main, tokens(arguments));
        assert!(error.is_some(), "{arguments}");
    }
}

#[test]
fn functions_that_cannot_be_entry_points_are_refused() {
    function_refused(Entry::Main, "fn main() {}", "fn", "`async` is missing");
    function_refused(Entry::Test, "pub fn t() {}", "fn", "`#[filch::test]` needs an `async fn`");
    function_refused(Entry::Main, "async fn main(x: u8) {}", "x: u8", "takes no arguments");
    for second in ["#[test]", "#[core::prelude::v1::test]", "#[::std::prelude::rust_2021::test]"] {
        function_refused(
            Entry::Test,
            &format!("{second} async fn t() {{}}"),
            second,
            "a test already",
        );
    }
}

#[test]
fn items_that_are_no_functions_are_refused() {
    for item in ["struct Main;", "async fn main();", "async fn main() -> u8", "const X: u8 = 1;"] {
        let output = generated(Entry::Main, "", item);
        assert!(output.starts_with(&tokens(item).to_string().replace(' ', "")), "{output}");
        assert!(output.contains("compile_error!"), "{output}");
    }
}

#[test]
fn other_functions_may_take_arguments_and_other_test_attributes_stay() {
    let function: Function = syn::parse_str("async fn run(x: u8) {}").unwrap();
    assert!(function.check(Entry::Main).is_ok());
    let function: Function =
        syn::parse_str("#[should_panic] #[test_log::test] async fn t() {}").unwrap();
    assert!(function.check(Entry::Test).is_ok());
}

#[test]
fn the_runtime_is_built_as_told() {
    for (entry, arguments, expected) in [
        (Entry::Main, "", "filch::runtime::Builder::new_multi_thread().enable_all().build()"),
        (Entry::Test, "", "filch::runtime::Builder::new_current_thread().enable_all().build()"),
        (
            Entry::Main,
            r#"worker_threads = 4, name = "web""#,
            r#"new_multi_thread().enable_all().worker_threads(4).name("web").build()"#,
        ),
        (
            Entry::Test,
            r#"flavor = "local", start_paused = true"#,
            "new_current_thread().enable_all().start_paused(true)\
             .build_local(::core::default::Default::default())",
        ),
        (
            Entry::Main,
            r#"crate = "::my::rt", unhandled_panic = "ignore""#,
            "::my::rt::runtime::Builder::new_multi_thread().enable_all()\
             .unhandled_panic(::my::rt::runtime::UnhandledPanic::Ignore).build()",
        ),
    ] {
        let output = generated(entry, arguments, "async fn f() {}");
        assert!(output.contains(expected), "{arguments}: {output}");
        let parsed: ItemFn = syn::parse_str(
            &expand(entry, tokens(arguments), tokens("async fn f() {}")).to_string(),
        )
        .unwrap();
        assert!(parsed.sig.asyncness.is_none());
    }
}

#[test]
fn a_wrong_argument_leaves_a_function_that_compiles() {
    let output = expand(Entry::Main, tokens("threads = 4"), tokens("async fn main() {}"));
    let file: syn::File = syn::parse2(output).unwrap();
    assert_eq!(file.items.len(), 2);
    assert!(matches!(&file.items[0], syn::Item::Fn(f) if f.sig.asyncness.is_none()));
    assert!(matches!(&file.items[1], syn::Item::Macro(m) if m.mac.path.segments.len() == 2));
}

#[test]
fn attributes_visibility_and_signature_are_kept() {
    let output = generated(
        Entry::Test,
        "",
        "/// Docs.\n#[should_panic] pub(crate) async fn t<'a, T: Send>(x: &'a T) -> &'a T where T: Sync { #![allow(unused)] x }",
    );
    let test_attribute = output.find("#[::core::prelude::v1::test]").unwrap();
    assert!(output.find("#[should_panic]").unwrap() < test_attribute, "{output}");
    assert!(
        output.contains("pub(crate)fnt<'a,T:Send>(x:&'aT)->&'aTwhereT:Sync{#![allow(unused)]"),
        "{output}"
    );
    assert!(output.contains("returnoutput;}x}"), "{output}");
    assert!(!generated(Entry::Main, "", "async fn main() {}").contains("prelude::v1::test"));
}

#[test]
fn the_body_keeps_its_tokens_and_their_places() {
    // Not Rust that any parser of today accepts: the body is the compiler's business.
    let item = "async fn main() -> u8 { ¤".replace('¤', "future syntax => { 5 + } }");
    let output = expand(Entry::Main, TokenStream::new(), tokens(&item));
    fn find(tokens: TokenStream, text: &str) -> Option<String> {
        tokens.into_iter().find_map(|token| match token {
            proc_macro2::TokenTree::Group(group) => {
                if group.span().source_text().as_deref() == Some(text) {
                    return Some(group.stream().to_string());
                }
                find(group.stream(), text)
            }
            _ => None,
        })
    }
    let body = find(output, "{ future syntax => { 5 + } }");
    let body = body.expect("braces where the user's braces are");
    assert!(body.ends_with("future syntax => { 5 + }"), "{body}");
}

#[test]
fn the_output_type_is_named_where_it_can_be() {
    for (item, hint) in [
        ("async fn f() {}", Some("letoutput:()=")),
        ("async fn f() -> Result<(), E> { g()? }", Some("letoutput:Result<(),E>=")),
        ("async fn f() -> ! { loop {} }", None),
        ("async fn f() -> impl Debug { 5 }", None),
        ("async fn f() -> Result<Box<impl Debug>, ()> { h() }", None),
    ] {
        let output = generated(Entry::Main, "", item);
        match hint {
            Some(hint) => assert!(output.contains(hint), "{output}"),
            None => assert!(!output.contains("iffalse"), "{output}"),
        }
    }
    assert!(mentions_impl(tokens("(u8, [impl X; 2])")));
    assert!(!mentions_impl(tokens("Simple<implementation>")));
}

#[test]
fn only_a_test_is_type_erased() {
    assert!(generated(Entry::Test, "", "async fn t() {}").contains("dyn::core::future::Future"));
    assert!(!generated(Entry::Main, "", "async fn main() {}").contains("dyn"));
}
