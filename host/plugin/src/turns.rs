//! Calls that compute for long take turns, so that many of them delay everything else that a thread has to do no
//! more than one does.
//!
//! The first slice of a call, up to where its guest first lets others run, is nobody's turn: most calls end in
//! it. After that a call computes only in its turn, a slice each, one after the other. A call that waits for an
//! answer of the host gives its turn away.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::available_parallelism;

use tokio::sync::Semaphore;

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

/// Wakes a task, and remembers that it was woken.
struct Woken {
    task: Waker,
    is_woken: AtomicBool,
}

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
                // The turn ends when everything else that is ready has had its time.
                Slice::LetsOthersRun => woken().await,
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
        let woken =
            Arc::new(Woken { task: context.waker().clone(), is_woken: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&woken));
        Poll::Ready(match call.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => Slice::Ended(output),
            Poll::Pending if woken.is_woken.load(Ordering::Acquire) => Slice::LetsOthersRun,
            Poll::Pending => Slice::Waits,
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
        self.is_woken.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

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
