//! Calls that compute for long take turns, so that many of them delay everything else that a thread has to do no
//! more than one does, and each of them no longer than a slice.
//!
//! The first slice of a call, up to where its guest first lets others run, is nobody's turn: most calls end in
//! it. After that a call computes only in its turn, a slice each, one after the other. A call that waits for an
//! answer of the host gives its turn away.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, available_parallelism};

use tokio::sync::Semaphore;
use tokio::task;

/// The turns of all calls of a host.
#[derive(Debug)]
pub(crate) struct Turns(Semaphore);

/// What a slice came to.
enum Slice<T> {
    /// The call has ended.
    Ended(T),
    /// The guest lets others run, and can go on at once.
    LetsOthersRun,
    /// The host has no answer yet.
    Waits,
}

/// Wakes a task, but not while a slice of it runs: its thread would go on with it at once, and look for what has
/// come over the network only when it has done so 61 times (tokio's `event_interval`).
struct Woken {
    task: Waker,
    /// One of the states below.
    state: AtomicU8,
}

/// A slice of the task runs.
const RUNS: u8 = 0;
/// It was woken since.
const IS_WOKEN: u8 = 1;
/// The slice is over, and the task waits to be woken.
const WAITS: u8 = 2;

impl Turns {
    /// As many at a time as there are processors for half of them.
    pub(crate) fn new() -> Self {
        let half = available_parallelism().map_or(1, usize::from) / 2;
        Self(Semaphore::new(half.max(1)))
    }

    /// Carries out a call.
    pub(crate) async fn take<F: Future>(&self, call: F) -> F::Output {
        let mut call = pin!(call);
        let mut turn = None;
        loop {
            match slice(call.as_mut()).await {
                Slice::Ended(output) => return output,
                // The turn ends when other threads that wait for this processor have had their time, other
                // tasks that are ready, and those for which there is something to read.
                Slice::LetsOthersRun => {
                    thread::yield_now();
                    task::yield_now().await;
                }
                Slice::Waits => {
                    turn = None;
                    woken().await;
                }
            }
            drop(turn);
            // `Err` where no turns are given any more, which is never so.
            turn = self.0.acquire().await.ok();
        }
    }
}

/// Has a call compute for as long as it does at a stretch.
async fn slice<F: Future>(mut call: Pin<&mut F>) -> Slice<F::Output> {
    poll_fn(|context| {
        let woken = Arc::new(Woken { task: context.waker().clone(), state: AtomicU8::new(RUNS) });
        let waker = Waker::from(Arc::clone(&woken));
        Poll::Ready(match call.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => Slice::Ended(output),
            Poll::Pending if woken.moves(RUNS, WAITS) => Slice::Waits,
            Poll::Pending => Slice::LetsOthersRun,
        })
    })
    .await
}

/// Until the task is woken, by what [`slice`] has left it to.
async fn woken() {
    let mut is_first = true;
    poll_fn(|_| if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }).await;
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.moves(RUNS, IS_WOKEN) && self.moves(WAITS, IS_WOKEN) {
            self.task.wake_by_ref();
        }
    }
}

impl Woken {
    /// Whether it was in the one state and now is in the other.
    fn moves(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::atomic::AtomicUsize;

    use tokio::net::UnixStream;
    use tokio::sync::oneshot;
    use tokio::task::JoinSet;

    use super::*;

    fn one_at_a_time() -> Turns {
        Turns(Semaphore::new(1))
    }

    /// As a guest does after its slice.
    async fn lets_others_run() {
        let mut is_first = true;
        poll_fn(|context| {
            context.waker().wake_by_ref();
            if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    #[tokio::test]
    async fn other_work_waits_for_one_slice_however_many_calls_are_long() {
        let turns = one_at_a_time();
        let done = RefCell::new(Vec::new());
        let long = async |name: &'static str| {
            for _ in 0..3 {
                done.borrow_mut().push(name);
                lets_others_run().await;
            }
        };
        let other = async {
            for _ in 0..20 {
                done.borrow_mut().push("other");
                lets_others_run().await;
            }
        };
        tokio::join!(turns.take(long("one")), turns.take(long("two")), other);
        let done = done.into_inner();
        // The first slices are nobody's turn.
        assert_eq!(done.get(..3), Some(["one", "two", "other"].as_slice()));
        for between in done[3..].split(|it| *it == "other") {
            assert!(between.len() <= 1, "{done:?}");
        }
    }

    #[tokio::test]
    async fn what_comes_over_the_network_waits_for_no_more_than_a_slice_or_two() {
        let turns = Arc::new(one_at_a_time());
        let (here, there) = UnixStream::pair().expect("a pair of sockets");
        there.try_write(b"x").expect("there is room for it");
        let slices = Arc::new(AtomicUsize::new(0));
        let computed = Arc::clone(&slices);
        let long = tokio::spawn(async move {
            let call = async {
                for _ in 0..30 {
                    computed.fetch_add(1, Ordering::Relaxed);
                    lets_others_run().await;
                }
            };
            turns.take(call).await;
        });
        here.readable().await.expect("it was written");
        let before = slices.load(Ordering::Relaxed);
        assert!(before <= 2, "{before} slices were computed before");
        long.await.expect("it ends");
    }

    #[tokio::test]
    async fn a_call_that_waits_for_the_host_holds_up_no_other() {
        let turns = Arc::new(one_at_a_time());
        let (answer, host) = oneshot::channel();
        let mut calls = JoinSet::new();
        let its = Arc::clone(&turns);
        calls.spawn(async move {
            its.take(async {
                lets_others_run().await;
                host.await.expect("an answer")
            })
            .await
        });
        // Ends although the other one is in its second slice, and waits.
        turns
            .take(async {
                for _ in 0..5 {
                    lets_others_run().await
                }
            })
            .await;
        answer.send("answer").expect("somebody waits");
        assert_eq!(calls.join_next().await.expect("a call").expect("it ends"), "answer");
    }
}
