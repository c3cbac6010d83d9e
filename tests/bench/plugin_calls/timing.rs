//! How calls are timed that take turns. It is a file of `benches/extism` too.

use std::time::{Duration, Instant};

/// Turns that are measured, after those that only warm up.
pub(crate) const TURNS: usize = 4_000;
pub(crate) const WARM_UP: usize = 400;

pub(crate) async fn timed(work: impl AsyncFnOnce()) -> Duration {
    let began = Instant::now();
    work().await;
    began.elapsed()
}

pub(crate) fn median_micros(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1_000_000.0
}
