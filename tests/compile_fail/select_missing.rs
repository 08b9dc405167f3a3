#![allow(unused_imports)]
use std::future::ready;

async fn only_a_pattern() -> u32 {
    filch::select! {
        n = ready(1) => n,
        n => 2,
    }
}

async fn nothing_behind_the_equals_sign() -> u32 {
    filch::select! { n = => n }
}

async fn a_future_without_a_pattern() -> u32 {
    filch::select! { ready(1) }
}

async fn nothing_behind_the_future() -> u32 {
    filch::select! {
        n = ready(1) => n,
        n = ready(2),
        n = ready(3) => n,
    }
}

async fn nothing_behind_the_last_future() -> u32 {
    filch::select! {
        n = ready(1) => n,
        n = ready(2)
    }
}

async fn nothing_behind_the_condition() -> u32 {
    filch::select! { n = ready(1), if 1 == 1 }
}

async fn nothing_behind_the_arrow() -> u32 {
    filch::select! {
        n = ready(1) => ,
        n = ready(2) => n,
    }
}

async fn nothing_behind_the_last_arrow() -> u32 {
    filch::select! { n = ready(1) => }
}

async fn between_branches() -> u32 {
    filch::select! {
        n = ready(1) => n
        m = ready(2) => m,
    }
}

async fn behind_an_unsafe_block() -> u32 {
    filch::select! {
        n = ready(1) => unsafe { n }
        n = ready(2) => n,
    }
}

async fn before_the_condition() -> u32 {
    filch::select! { n = ready(1) if true => n }
}

fn main() {}
