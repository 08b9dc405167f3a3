#![allow(unused_imports)]
use std::future::ready;

async fn no_comma() {
    filch::join!(ready(1) ready(2));
}

async fn biased_behind() {
    filch::join!(ready(1), biased; ready(2));
}

async fn no_result() {
    let _ = filch::try_join!(ready(Ok::<u8, ()>(1)), ready(2));
}

async fn one_hundred_and_twenty_nine() {
    filch::join!(
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0), ready(0),
        ready("one more"),
    );
}

fn main() {}
