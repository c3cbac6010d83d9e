//! What becomes known of plugins and is written later. Requests do not wait for it: what does not fit is
//! counted and lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;

/// What may wait to be written.
const ROOM: usize = 2_000;
/// What is written together, and how long the first of it waits for the others.
const TOGETHER: usize = 200;
const GATHERING: Duration = Duration::from_secs(1);

/// A queue; its clones are one.
#[derive(Debug)]
pub(super) struct Queue<T> {
    sender: mpsc::Sender<T>,
    lost: Arc<AtomicU64>,
    receiver: Arc<Mutex<mpsc::Receiver<T>>>,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        let (sender, receiver) = (self.sender.clone(), Arc::clone(&self.receiver));
        Self { sender, lost: Arc::clone(&self.lost), receiver }
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(ROOM);
        Self { sender, lost: Arc::default(), receiver: Arc::new(Mutex::new(receiver)) }
    }
}

impl<T> Queue<T> {
    /// Adds something, if there is room for it.
    pub(super) fn add(&self, item: T) {
        if self.sender.try_send(item).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until there is something, and a little for more.
    pub(super) async fn gather(&self) -> Vec<T> {
        let mut receiver = self.receiver.lock().await;
        let mut taken = Vec::new();
        receiver.recv_many(&mut taken, TOGETHER).await;
        let filled = async {
            while taken.len() < TOGETHER {
                let left = TOGETHER - taken.len();
                receiver.recv_many(&mut taken, left).await;
            }
        };
        let _ = timeout(GATHERING, filled).await;
        taken
    }

    /// How much was lost since this was last asked.
    pub(super) fn lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}
