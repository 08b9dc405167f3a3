//! What a scenario draws: its own shape. All of it belongs to the schedule's seed.

use filch_primitives::loom::draw;

/// A number below `bound`.
pub fn below(bound: usize) -> usize {
    (draw() % bound as u64) as usize
}

/// A number from `low` to `high`, both included.
pub fn between(low: usize, high: usize) -> usize {
    low + below(high - low + 1)
}

/// True once in so many times.
pub fn chance(in_so_many: usize) -> bool {
    below(in_so_many) == 0
}

/// In another order.
pub fn shuffle<T>(items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last + 1));
    }
}

/// Yields at most so often.
pub async fn yields(at_most: usize) {
    for _ in 0..below(at_most + 1) {
        filch::task::yield_now().await;
    }
}
