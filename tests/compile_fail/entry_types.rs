#[filch::main]
async fn forgotten_unit() -> Result<(), String> {
    filch::task::yield_now().await;
}

#[filch::main]
async fn wrong_tail() -> u32 {
    "five"
}

#[filch::main]
async fn wrong_return() -> u32 {
    if true {
        return "five";
    }
    5
}

#[filch::main]
async fn value_without_a_type() {
    5
}

fn main() {}
