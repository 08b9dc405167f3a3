#![allow(unused_imports)]
use std::future::ready;

async fn handlers_disagree() -> u32 {
    filch::select! {
        n = ready(1) => n,
        _ = ready(2) => "two",
    }
}

async fn the_condition_is_no_bool() {
    filch::select! { _ = ready(1), if 5 => {} }
}

fn main() {}
