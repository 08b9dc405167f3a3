//! What the example servers share: Ctrl-C, small clients.
//!
//! The programs are in `src/bin`:
//!
//! | program | shows |
//! | --- | --- |
//! | `http_server` | hyper on filch: keep-alive, graceful shutdown, `spawn_compute`, timers, a streaming body |
//! | `echo` | a TCP server and clients on bare sockets |
//! | `chat` | a room where many talk to each other, and who reads too slowly is dropped |
//! | `proxy` | connections that go on to another server, in both directions |
//! | `supervisor` | child processes: restarts, signals, a graceful stop, their output line by line |
//! | `tail` | a file that grows, is cut off and rotated: `File` with seeks, inotify through `AsyncFd` |
//! | `chess` | tasks, a fair lock and hours of virtual time on a paused clock |

pub mod echo_client;
pub mod http_client;
pub mod listen;
pub mod race;
pub mod server;

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
