#![allow(unused_imports)]
use std::future::ready;

async fn not_the_last() -> u32 {
    filch::select! {
        else => 0,
        n = ready(1) => n,
    }
}

async fn twice() -> u32 {
    filch::select! {
        n = ready(1) => n,
        else => 0,
        else => 1,
    }
}

async fn without_an_arrow() -> u32 {
    filch::select! {
        n = ready(1) => n,
        else { 0 }
    }
}

async fn without_a_handler() -> u32 {
    filch::select! {
        n = ready(1) => n,
        else =>
    }
}

async fn with_a_condition() -> u32 {
    filch::select! {
        n = ready(1) => n,
        else if true => 0,
    }
}

async fn behind_a_branch() -> u32 {
    filch::select! {
        n = ready(1) => n,
        biased;
        n = ready(2) => n,
    }
}

async fn misspelled() -> u32 {
    filch::select! {
        baised;
        n = ready(2) => n,
    }
}

fn main() {}
