//! What becomes known with requests and is written later. Requests do not wait for it: what does not fit is
//! counted and lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, mpsc};
use tokio::time::timeout;

/// How long the first of what is written together waits for the others.
const GATHERING: Duration = Duration::from_secs(1);

/// A queue; its clones are one.
#[derive(Debug)]
pub(super) struct Queue<T> {
    sender: mpsc::Sender<T>,
    lost: Arc<AtomicU64>,
    receiver: Arc<Mutex<Receiver<T>>>,
}

#[derive(Debug)]
struct Receiver<T> {
    queue: mpsc::Receiver<T>,
    /// What has left the queue and is not written.
    taken: Vec<T>,
    /// How many are written together.
    together: usize,
}

/// What is to be written now. What is dropped without [`Gathered::written`] is gathered again.
pub(super) struct Gathered<'a, T>(MutexGuard<'a, Receiver<T>>);

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        let (sender, receiver) = (self.sender.clone(), Arc::clone(&self.receiver));
        Self { sender, lost: Arc::clone(&self.lost), receiver }
    }
}

impl<T> Queue<T> {
    /// With room for so many that wait, of which so many are written together.
    pub(super) fn new(room: usize, together: usize) -> Self {
        let (sender, queue) = mpsc::channel(room);
        let receiver = Receiver { queue, taken: Vec::new(), together };
        Self { sender, lost: Arc::default(), receiver: Arc::new(Mutex::new(receiver)) }
    }

    /// Adds something, if there is room for it.
    pub(super) fn add(&self, item: T) {
        if self.sender.try_send(item).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until there is something, and a little for more.
    pub(super) async fn gather(&self) -> Gathered<'_, T> {
        let mut receiver = self.receiver.lock().await;
        let Receiver { queue, taken, together } = &mut *receiver;
        if taken.is_empty() {
            queue.recv_many(taken, *together).await;
        }
        let filled = async {
            while taken.len() < *together {
                queue.recv_many(taken, *together - taken.len()).await;
            }
        };
        let _ = timeout(GATHERING, filled).await;
        Gathered(receiver)
    }

    /// What is left, when nobody else gathers any more.
    pub(super) async fn rest(&self) -> Gathered<'_, T> {
        let mut receiver = self.receiver.lock().await;
        while let Ok(item) = receiver.queue.try_recv() {
            receiver.taken.push(item);
        }
        Gathered(receiver)
    }

    /// How many were lost since this was last asked.
    pub(super) fn lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

impl<T> Gathered<'_, T> {
    pub(super) fn items(&mut self) -> &mut [T] {
        &mut self.0.taken
    }

    /// Forgets what was gathered.
    pub(super) fn written(mut self) {
        self.0.taken.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_is_counted_and_nobody_waits() {
        let queue = Queue::new(2, 10);
        (0..5).for_each(|item| queue.add(item));
        assert_eq!(queue.lost(), 3);
        assert_eq!(queue.gather().await.items(), [0, 1]);
    }

    #[tokio::test]
    async fn what_was_gathered_and_not_written_is_part_of_the_rest() {
        let queue = Queue::new(10, 1);
        queue.add("first");
        queue.add("second");
        assert_eq!(queue.gather().await.items(), ["first"]);
        let mut rest = queue.rest().await;
        assert_eq!(rest.items(), ["first", "second"]);
        rest.written();
        assert!(queue.rest().await.items().is_empty());
    }
}
