//! The chess exhibition: one master against 24 opponents, in turn and interleaved.
//!
//! The master needs 5 s for a move, an opponent 55 s, and a game has 30 moves of each. Game after
//! game that is 24 * 30 * 60 s: twelve hours. Walking from board to board, the master makes one move
//! and goes on while the opponent thinks: 24 * 30 * 5 s, one hour, and the opponents have their full
//! time all the same. It is one person's attention both ways; only the waiting is shared.
//!
//! The boards are tasks, the master's attention is a lock, thinking is a sleep. The clock is paused,
//! so it jumps from one timer to the next: thirteen hours pass in some milliseconds. The program
//! checks its own figures and exits with 1 if one is wrong.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use filch::runtime::Builder;
use filch::sync::{Mutex, mpsc};
use filch::time::{Instant, sleep};

const BOARDS: usize = 24;
const MOVES: usize = 30;
const MASTER_THINKS: Duration = Duration::from_secs(5);
const OPPONENT_THINKS: Duration = Duration::from_secs(55);

/// How one exhibition went.
struct Exhibition {
    /// From the first move's beginning to the end of the master's last.
    master: Duration,
    /// From the first move's beginning to the end of the last opponent's last.
    whole: Duration,
    /// The board of each of the master's moves, in order.
    walk: Vec<usize>,
}

/// One board after the other: the master waits while the opponent thinks.
async fn in_turn() -> Exhibition {
    let start = Instant::now();
    let mut walk = Vec::with_capacity(BOARDS * MOVES);
    let mut master = Duration::ZERO;
    for board in 0..BOARDS {
        for _ in 0..MOVES {
            sleep(MASTER_THINKS).await;
            walk.push(board);
            master = start.elapsed();
            sleep(OPPONENT_THINKS).await;
        }
    }
    Exhibition { master, whole: start.elapsed(), walk }
}

/// All boards at once: whoever has replied waits for the master, and the master takes the boards in
/// the order in which they began to wait.
async fn interleaved() -> Exhibition {
    let start = Instant::now();
    let attention = Arc::new(Mutex::new(()));
    let (moved, mut moves) = mpsc::channel(BOARDS);
    let boards: Vec<_> = (0..BOARDS)
        .map(|board| {
            let attention = Arc::clone(&attention);
            let moved = moved.clone();
            filch::spawn(async move {
                for _ in 0..MOVES {
                    let master = attention.lock().await;
                    sleep(MASTER_THINKS).await;
                    moved.send((board, Instant::now())).await.expect("the scribe is there");
                    drop(master);
                    sleep(OPPONENT_THINKS).await;
                }
            })
        })
        .collect();
    drop(moved);

    let mut walk = Vec::with_capacity(BOARDS * MOVES);
    let mut master = Duration::ZERO;
    while let Some((board, at)) = moves.recv().await {
        walk.push(board);
        master = at - start;
    }
    for board in boards {
        board.await.expect("no game is abandoned");
    }
    Exhibition { master, whole: start.elapsed(), walk }
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{:2}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Prints a figure and says whether it is the expected one.
fn report(what: &str, measured: Duration, expected: Duration) -> bool {
    // A timer is never early, and here nothing makes it late by more than the wheel's resolution,
    // at most 2 ms for each sleep that one must wait for: 24 * 30 * 2 of them.
    let right = measured >= expected && measured < expected + Duration::from_secs(3);
    let verdict = if right { String::new() } else { format!("  expected {}", clock(expected)) };
    println!("{what:<40}{}{verdict}", clock(measured));
    right
}

fn main() -> ExitCode {
    let real = std::time::Instant::now();
    let runtime = match Builder::new_current_thread().enable_time().start_paused(true).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (first, second) = runtime.block_on(async { (in_turn().await, interleaved().await) });

    let moves = (BOARDS * MOVES) as u32;
    let hour = MASTER_THINKS * moves;
    let mut right = true;
    println!("{BOARDS} boards, {MOVES} moves each; the master thinks 5 s, an opponent 55 s\n");
    right &= report(
        "in turn, all games over after",
        first.whole,
        (MASTER_THINKS + OPPONENT_THINKS) * moves,
    );
    right &= report("interleaved, the master is free after", second.master, hour);
    right &= report("  and the last reply is made after", second.whole, hour + OPPONENT_THINKS);

    // The lock is fair: the master walks from board to board, round after round.
    let board_by_board = (0..BOARDS * MOVES).map(|i| i / MOVES);
    let round_by_round = (0..BOARDS * MOVES).map(|i| i % BOARDS);
    right &= first.walk.iter().copied().eq(board_by_board) && first.master < first.whole;
    if !second.walk.iter().copied().eq(round_by_round) {
        println!("the master did not walk from board to board: {:?}", second.walk);
        right = false;
    }

    let real = real.elapsed();
    println!("\nreal time {:.1} ms", real.as_secs_f64() * 1e3);
    if real >= Duration::from_secs(1) {
        println!("that is too long for a paused clock");
        right = false;
    }
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
