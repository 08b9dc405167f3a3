//! Adapters, in-memory streams, and the free functions of `io`.
//!
//! | file | what |
//! | --- | --- |
//! | `buf_reader`, `buf_writer`, `buf_stream` | buffers around a stream |
//! | `lines`, `segments` | delimited pieces of a buffered reader |
//! | `chain`, `take` | readers made of readers |
//! | `copy_buffer`, `copy`, `copy_buf`, `copy_bidirectional` | from a reader to a writer |
//! | `inspect` | a function sees the bytes that pass |
//! | `split`, `join` | one stream as two halves, and two halves as one |
//! | `pipe`, `duplex` | a pipe in memory, and two of them as a connection |
//! | `empty`, `repeat`, `sink` | always ready |

mod buf_reader;
mod buf_stream;
mod buf_writer;
mod chain;
mod copy;
mod copy_bidirectional;
mod copy_buf;
mod copy_buffer;
mod duplex;
mod empty;
mod inspect;
mod join;
mod lines;
mod pipe;
mod repeat;
mod segments;
mod sink;
mod split;
mod take;

pub use buf_reader::BufReader;
pub use buf_stream::BufStream;
pub use buf_writer::BufWriter;
pub use chain::Chain;
pub use copy::copy;
pub use copy_bidirectional::{copy_bidirectional, copy_bidirectional_with_sizes};
pub use copy_buf::copy_buf;
pub use duplex::{DuplexStream, duplex};
pub use empty::{Empty, empty};
pub use inspect::{InspectReader, InspectWriter};
pub use join::{Join, join};
pub use lines::Lines;
pub use pipe::{SimplexStream, simplex};
pub use repeat::{Repeat, repeat};
pub use segments::Split;
pub use sink::{Sink, sink};
pub use split::{ReadHalf, WriteHalf, split};
pub use take::Take;

/// The capacity of a buffer unless told otherwise: std's, and tokio's. Two pages; a read or write of
/// this size costs several times its system call, so that larger ones gain little.
const DEFAULT_CAPACITY: usize = 8 * 1024;

/// An error that keeps the place of a seek that may not be submitted.
fn seek_under_way() -> std::io::Error {
    std::io::Error::other("another seek is under way: poll_complete comes first")
}
