#![allow(unused_imports)]
use std::future::ready;

async fn nothing() {
    filch::select! {}
}

async fn nothing_biased() {
    filch::select! { biased; }
}

async fn sixty_five() -> u32 {
    filch::select! {
        n = ready(0) => n,
        n = ready(1) => n,
        n = ready(2) => n,
        n = ready(3) => n,
        n = ready(4) => n,
        n = ready(5) => n,
        n = ready(6) => n,
        n = ready(7) => n,
        n = ready(8) => n,
        n = ready(9) => n,
        n = ready(10) => n,
        n = ready(11) => n,
        n = ready(12) => n,
        n = ready(13) => n,
        n = ready(14) => n,
        n = ready(15) => n,
        n = ready(16) => n,
        n = ready(17) => n,
        n = ready(18) => n,
        n = ready(19) => n,
        n = ready(20) => n,
        n = ready(21) => n,
        n = ready(22) => n,
        n = ready(23) => n,
        n = ready(24) => n,
        n = ready(25) => n,
        n = ready(26) => n,
        n = ready(27) => n,
        n = ready(28) => n,
        n = ready(29) => n,
        n = ready(30) => n,
        n = ready(31) => n,
        n = ready(32) => n,
        n = ready(33) => n,
        n = ready(34) => n,
        n = ready(35) => n,
        n = ready(36) => n,
        n = ready(37) => n,
        n = ready(38) => n,
        n = ready(39) => n,
        n = ready(40) => n,
        n = ready(41) => n,
        n = ready(42) => n,
        n = ready(43) => n,
        n = ready(44) => n,
        n = ready(45) => n,
        n = ready(46) => n,
        n = ready(47) => n,
        n = ready(48) => n,
        n = ready(49) => n,
        n = ready(50) => n,
        n = ready(51) => n,
        n = ready(52) => n,
        n = ready(53) => n,
        n = ready(54) => n,
        n = ready(55) => n,
        n = ready(56) => n,
        n = ready(57) => n,
        n = ready(58) => n,
        n = ready(59) => n,
        n = ready(60) => n,
        n = ready(61) => n,
        n = ready(62) => n,
        n = ready(63) => n,
        one_more = ready(64) => one_more,
    }
}

fn main() {}
