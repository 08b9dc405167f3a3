//! What the example servers share: an accept loop with manners, graceful shutdown, a small client.
//!
//! The programs are in `src/bin`:
//!
//! | program | shows |
//! | --- | --- |
//! | `http_server` | hyper on filch: keep-alive, graceful shutdown, `spawn_compute`, timers, a streaming body |
//! | `echo` | a TCP server and clients on bare sockets |
//! | `chess` | tasks, a fair lock and hours of virtual time on a paused clock |

pub mod accept;
pub mod http_client;
pub mod listen;
pub mod race;
pub mod shutdown;

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
