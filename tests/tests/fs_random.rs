//! `fs::File` against std's, by lists of random operations: the same bytes, positions and lengths, whatever the
//! order, with futures dropped half-way. A failure prints the seed and the operations.

#[path = "fs_support/mod.rs"]
mod fs_support;

use std::io::{Read, Seek, SeekFrom, Write};
use std::task::Poll;

use filch::fs::File;
use filch::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use filch_tests::folder::Folder;
use filch_tests::process::leave_nothing_behind;
use filch_tests::runtimes::Kind;

use fs_support::poll_once;

const SEEDS: u64 = 24;
const OPERATIONS: usize = 120;

/// A generator of Marsaglia's, "Xorshift RNGs", 2003.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    fn size(&mut self) -> usize {
        // Small ones mostly, and some beyond what is read where the task is.
        let end = [16, 300, 5_000, 200_000][self.below(4) as usize];
        self.below(end) as usize
    }

    fn position(&mut self) -> SeekFrom {
        let far = self.below(6_000) as i64;
        match self.below(3) {
            0 => SeekFrom::Start(far as u64),
            1 => SeekFrom::Current(far - 3_000),
            _ => SeekFrom::End(far - 5_000),
        }
    }
}

/// What is done next. `half` drops its future after one poll.
#[derive(Debug, Clone)]
enum Operation {
    Read { size: usize, half: bool },
    Write { size: usize, half: bool },
    Seek { to: SeekFrom, half: bool },
    SetLen { to: u64, half: bool },
    Flush { half: bool },
    Sync,
    Metadata,
    Clone,
    ThroughStd,
    TryThroughStd,
    BufSize(usize),
}

impl Operation {
    fn any(random: &mut Random) -> Operation {
        let half = random.below(3) == 0;
        match random.below(20) {
            0..6 => Operation::Read { size: random.size(), half },
            6..12 => Operation::Write { size: random.size(), half },
            12..15 => Operation::Seek { to: random.position(), half },
            15 => Operation::SetLen { to: random.below(8_000), half },
            16 => Operation::Flush { half },
            17 if half => Operation::Sync,
            17 => Operation::Metadata,
            18 if half => Operation::Clone,
            18 => Operation::ThroughStd,
            19 if half => Operation::TryThroughStd,
            _ => Operation::BufSize(1 + random.below(10_000) as usize),
        }
    }
}

/// The two files, and what was done to them.
struct Pair {
    ours: File,
    std: std::fs::File,
    /// Counts the bytes that were written, so that each is known by its place.
    written: usize,
    /// How often a future was dropped that had not completed.
    dropped: usize,
}

impl Pair {
    async fn apply(&mut self, operation: Operation, random: &mut Random) {
        match operation {
            Operation::Read { size, half } => self.read(size, half).await,
            Operation::Write { size, half } => self.write(size, half).await,
            Operation::Seek { to, half: false } => {
                let (ours, std) = (self.ours.seek(to).await, self.std.seek(to));
                assert_eq!(ours.map_err(|e| e.kind()), std.map_err(|e| e.kind()));
            }
            Operation::Seek { to, half: true } => {
                let seek = poll_once(&mut Box::pin(self.ours.seek(to)));
                if let Poll::Ready(ours) = seek {
                    assert_eq!(ours.map_err(|e| e.kind()), self.std.seek(to).map_err(|e| e.kind()));
                } else {
                    self.dropped += 1;
                    self.agree(random).await;
                }
            }
            Operation::SetLen { to, half: false } => {
                self.ours.set_len(to).await.unwrap();
                self.std.set_len(to).unwrap();
            }
            Operation::SetLen { to, half: true } => {
                let polled = poll_once(&mut Box::pin(self.ours.set_len(to)));
                match polled {
                    Poll::Ready(result) => {
                        result.unwrap();
                        self.std.set_len(to).unwrap();
                    }
                    Poll::Pending => {
                        self.dropped += 1;
                        self.agree_on_length(to).await;
                    }
                }
            }
            Operation::Flush { half: false } => self.ours.flush().await.unwrap(),
            Operation::Flush { half: true } => {
                if let Poll::Ready(result) = poll_once(&mut Box::pin(self.ours.flush())) {
                    result.unwrap();
                }
            }
            Operation::Sync => self.ours.sync_data().await.unwrap(),
            Operation::Metadata => {
                self.ours.flush().await.unwrap();
                let ours = self.ours.metadata().await.unwrap().len();
                assert_eq!(ours, self.std.metadata().unwrap().len());
            }
            Operation::Clone => self.ours = self.ours.try_clone().await.unwrap(),
            Operation::ThroughStd => {
                let std = self.take().into_std().await;
                self.ours = File::from_std(std);
                self.agree_on_position();
            }
            Operation::TryThroughStd => match self.take().try_into_std() {
                Ok(std) => {
                    self.ours = File::from_std(std);
                    self.agree_on_position();
                }
                Err(busy) => self.ours = busy,
            },
            Operation::BufSize(size) => self.ours.set_max_buf_size(size),
        }
    }

    async fn read(&mut self, size: usize, half: bool) {
        let mut ours = vec![0; size];
        let n = if half {
            match poll_once(&mut Box::pin(self.ours.read(&mut ours))) {
                Poll::Ready(result) => result.unwrap(),
                Poll::Pending => {
                    self.dropped += 1;
                    return;
                }
            }
        } else {
            self.ours.read(&mut ours).await.unwrap()
        };
        let mut std = vec![0; n];
        self.std.read_exact(&mut std).unwrap();
        assert!(ours[..n] == std, "{n} bytes differ");
        if n == 0 && size > 0 {
            assert_eq!(self.std.read(&mut [0]).unwrap(), 0, "too early an end");
        }
    }

    async fn write(&mut self, size: usize, half: bool) {
        let bytes: Vec<u8> = (self.written..self.written + size).map(|n| (n % 251) as u8).collect();
        let n = if half {
            match poll_once(&mut Box::pin(self.ours.write(&bytes))) {
                Poll::Ready(result) => result.unwrap(),
                Poll::Pending => {
                    self.dropped += 1;
                    return;
                }
            }
        } else {
            self.ours.write(&bytes).await.unwrap()
        };
        assert!(n > 0 || size == 0);
        self.std.write_all(&bytes[..n]).unwrap();
        self.written += n;
    }

    /// A seek was dropped: it may have happened. So both go to the same place.
    async fn agree(&mut self, random: &mut Random) {
        let to = SeekFrom::Start(random.below(6_000));
        // The dropped one may have failed, which the next one says.
        if self.ours.seek(to).await.is_err() {
            self.ours.seek(to).await.unwrap();
        }
        self.std.seek(to).unwrap();
    }

    /// A change of length was dropped: it may have happened.
    async fn agree_on_length(&mut self, to: u64) {
        self.ours.flush().await.unwrap();
        self.ours.stream_position().await.unwrap();
        let ours = self.ours.metadata().await.unwrap().len();
        assert!(ours == to || ours == self.std.metadata().unwrap().len(), "{ours}");
        self.std.set_len(ours).unwrap();
    }

    fn agree_on_position(&mut self) {
        let fd = std::os::fd::AsFd::as_fd(&self.ours);
        let ours = rustix::fs::tell(fd).unwrap();
        assert_eq!(ours, self.std.stream_position().unwrap());
    }

    fn take(&mut self) -> File {
        std::mem::replace(&mut self.ours, File::from_std(std::fs::File::open("/dev/null").unwrap()))
    }
}

/// Says what it was, if a check panics.
struct Blame(u64, Vec<Operation>);

impl Drop for Blame {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}, operations: {:#?}", self.0, self.1);
        }
    }
}

/// A list of operations. Gives how many futures were dropped half-way.
async fn run(seed: u64, append: bool, from_std: bool) -> usize {
    let folder = Folder::new("random");
    let contents: Vec<u8> = (0..4_000).map(|n| (n % 253) as u8).collect();
    let paths = [folder.file("ours", &contents), folder.file("std", &contents)];
    let mut options = std::fs::OpenOptions::new();
    options.read(true).append(append);
    if !append {
        options.write(true);
    }
    let mut random = Random::new(seed);
    let ours = if from_std {
        File::from_std(options.open(&paths[0]).unwrap())
    } else {
        filch::fs::OpenOptions::from(options.clone()).open(&paths[0]).await.unwrap()
    };
    let std = options.open(&paths[1]).unwrap();
    let mut pair = Pair { ours, std, written: 0, dropped: 0 };
    let mut blame = Blame(seed, Vec::new());
    for _ in 0..OPERATIONS {
        let operation = Operation::any(&mut random);
        blame.1.push(operation.clone());
        pair.apply(operation, &mut random).await;
    }
    pair.ours.flush().await.unwrap();
    let here = SeekFrom::Current(0);
    assert_eq!(pair.ours.seek(here).await.unwrap(), pair.std.seek(here).unwrap());
    let [ours, std] = paths.map(|path| std::fs::read(path).unwrap());
    assert!(ours == std, "the contents differ");
    pair.dropped
}

#[test]
fn does_what_std_does() {
    // Else it shows nothing about dropped futures.
    let dropped = lists(0..SEEDS);
    assert!(dropped > 100, "{dropped}");
}

/// Lists of these seeds, on all kinds of runtime. Gives how many futures were dropped half-way.
fn lists(seeds: std::ops::Range<u64>) -> usize {
    let runtimes = Kind::ALL.map(Kind::runtime);
    let mut dropped = 0;
    for seed in seeds {
        for append in [false, true] {
            for from_std in [false, true] {
                let runtime = &runtimes[(seed % 3) as usize];
                dropped += runtime.block_on(run(seed, append, from_std));
            }
        }
    }
    dropped
}

#[test]
fn nothing_is_left_behind() {
    let some = || assert!(lists(1_000..1_003) > 0);
    leave_nothing_behind("nothing_is_left_behind", some, &[some]);
}
