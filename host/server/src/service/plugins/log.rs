//! The logs of plugins: what they write, and how their calls fail. Requests do not wait for it: lines are put
//! into a queue, and what does not fit is counted and lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tenon_plugin::{CallError, CallObserver, CallReport};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;
use uuid::Uuid;

use crate::clock;
use crate::service::Services;
use crate::store::page::Page;
use crate::store::plugins::{self, Line};
use crate::store::{StoreError, TenantId};

/// Calls that wait to be written.
const QUEUE: usize = 2_000;
/// Calls that are written together, and how long the first of them waits for the others.
const TOGETHER: usize = 200;
const GATHERING: Duration = Duration::from_secs(1);

/// The lines of a call.
#[derive(Debug)]
struct Called {
    tenant: TenantId,
    plugin: String,
    lines: Vec<Line>,
}

/// The queue.
#[derive(Debug, Clone)]
pub struct PluginLog {
    sender: mpsc::Sender<Called>,
    lost: Arc<AtomicU64>,
    receiver: Arc<Mutex<mpsc::Receiver<Called>>>,
}

impl Default for PluginLog {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        Self { sender, lost: Arc::default(), receiver: Arc::new(Mutex::new(receiver)) }
    }
}

impl CallObserver for PluginLog {
    fn called(&self, report: &CallReport<'_>) {
        let lines = lines_of(report);
        let Ok(tenant) = report.tenant.parse().map(TenantId) else { return };
        if lines.is_empty() {
            return;
        }
        let called = Called { tenant, plugin: report.plugin.to_owned(), lines };
        if self.sender.try_send(called).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn lines_of(report: &CallReport<'_>) -> Vec<Line> {
    let line = |level: &str, message: String| Line {
        id: Uuid::now_v7(),
        at: clock::now(),
        digest: *report.digest,
        hook: report.hook.as_str().to_owned(),
        request_id: report.request_id.to_owned(),
        level: level.to_owned(),
        message,
        fault: None,
        backtrace: None,
    };
    let written = report.lines.iter().map(|it| line(it.level, it.message.clone()));
    let mut lines: Vec<Line> = written.collect();
    if report.usage.log_lines_dropped > 0 {
        let dropped = format!("{} more lines were dropped", report.usage.log_lines_dropped);
        lines.push(line("warn", dropped));
    }
    // A breaker that is open says nothing new with each call.
    if let Some(error) = report.error.filter(|it| !matches!(it, CallError::BreakerOpen { .. })) {
        let backtrace = match error {
            CallError::Trap { backtrace, .. } => Some(backtrace.clone()),
            _ => None,
        };
        let fault = Some(error.kind().to_owned());
        lines.push(Line { fault, backtrace, ..line("error", error.to_string()) });
    }
    lines
}

impl Services {
    /// Lines of a plugin, the newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn plugin_log(
        &self,
        tenant: TenantId,
        plugin: &str,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Page<Line>, StoreError> {
        let mut conn = self.database.read().await?;
        plugins::lines(&mut conn, tenant, plugin, before, limit).await
    }

    /// Writes what plugins say, for ever.
    pub async fn write_plugin_log(&self) {
        let mut queue = self.plugin_log.receiver.lock().await;
        let mut taken = Vec::new();
        loop {
            queue.recv_many(&mut taken, TOGETHER).await;
            let filled = async {
                while taken.len() < TOGETHER {
                    let left = TOGETHER - taken.len();
                    queue.recv_many(&mut taken, left).await;
                }
            };
            let _ = timeout(GATHERING, filled).await;
            self.write_lines(&mut taken).await;
        }
    }

    async fn write_lines(&self, taken: &mut Vec<Called>) {
        taken.sort_by(|a, b| (a.tenant.0, &a.plugin).cmp(&(b.tenant.0, &b.plugin)));
        for of_one in taken.chunk_by(|a, b| (a.tenant, &a.plugin) == (b.tenant, &b.plugin)) {
            let Some(Called { tenant, plugin, .. }) = of_one.first() else { continue };
            let lines: Vec<Line> = of_one.iter().flat_map(|it| it.lines.iter().cloned()).collect();
            if let Err(error) = self.write_lines_of(*tenant, plugin, &lines).await {
                tracing::warn!(%tenant, plugin, %error, "lines are missing in the log of a plugin");
            }
        }
        taken.clear();
        let lost = self.plugin_log.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "more calls of plugins than the logs of plugins could take");
        }
    }

    async fn write_lines_of(
        &self,
        tenant: TenantId,
        plugin: &str,
        lines: &[Line],
    ) -> Result<(), StoreError> {
        let mut transaction = self.database.begin_at(tenant).await?;
        plugins::insert_lines(&mut transaction, tenant, plugin, lines).await?;
        transaction.commit().await
    }
}
