//! The log of a server, line by line, as JSON.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

/// How long a line is waited for that has to come. Only a broken server makes use of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The lines so far. Clones are the same log.
#[derive(Debug, Clone, Default)]
pub struct Log {
    shared: Arc<(Mutex<Lines>, Condvar)>,
}

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<Value>,
    ended: bool,
}

impl Log {
    /// Reads a server's standard error in a thread, to its end.
    pub(crate) fn follow(stream: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let writer = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                writer.change(|lines| lines.lines.push(line));
            }
            writer.change(|lines| lines.ended = true);
        });
        log
    }

    /// The first line that satisfies the condition, now or later.
    ///
    /// # Panics
    /// The log ends without one.
    pub fn wait_for(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let (mutex, changed) = &*self.shared;
        let mut lines = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(line) = lines.lines.iter().find(|line| condition(line)) {
                return line.clone();
            }
            assert!(!lines.ended, "the log ended without {what}:\n{}", text(&lines.lines));
            let (guard, timeout) =
                changed.wait_timeout(lines, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            lines = guard;
            assert!(!timeout.timed_out(), "no {what} in the log:\n{}", text(&lines.lines));
        }
    }

    /// The last line so far that satisfies the condition.
    pub fn last(&self, condition: impl Fn(&Value) -> bool) -> Option<Value> {
        let lines = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.lines.iter().rev().find(|line| condition(line)).cloned()
    }

    /// All lines so far, as they were written.
    #[must_use]
    pub fn text(&self) -> String {
        text(&self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).lines)
    }

    fn change(&self, change: impl FnOnce(&mut Lines)) {
        let (mutex, changed) = &*self.shared;
        change(&mut mutex.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
    }
}

fn text(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}
