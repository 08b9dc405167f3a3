#[filch::main]
fn not_async() {}

#[filch::test]
#[test]
async fn a_test_twice() {}

#[filch::main]
struct NoFunction;

#[filch::main]
async fn main(_arguments: Vec<String>) {}
