//! The logs of plugins: what they write, and how their calls fail.

use tenon_plugin::{CallError, CallObserver, CallReport};
use uuid::Uuid;

use crate::clock;
use crate::service::Services;
use crate::service::queue::{Gathered, Queue};
use crate::store::page::Page;
use crate::store::plugins::{self, Line};
use crate::store::{StoreError, TenantId};

/// The lines of a call.
#[derive(Debug)]
struct Called {
    tenant: TenantId,
    plugin: String,
    lines: Vec<Line>,
}

/// Calls that may wait to be written, and that are written together.
const ROOM: usize = 2_000;
const TOGETHER: usize = 200;

/// What waits to be written.
#[derive(Debug, Clone)]
pub struct PluginLog(Queue<Called>);

impl Default for PluginLog {
    fn default() -> Self {
        Self(Queue::new(ROOM, TOGETHER))
    }
}

impl CallObserver for PluginLog {
    fn called(&self, report: &CallReport<'_>) {
        let lines = lines_of(report);
        let Ok(tenant) = report.tenant.parse().map(TenantId) else { return };
        if lines.is_empty() {
            return;
        }
        self.0.add(Called { tenant, plugin: report.plugin.to_owned(), lines });
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
    let written = report.lines.iter().map(|it| line(&it.level, it.message.clone()));
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
        loop {
            self.write_lines(self.plugin_log.0.gather().await).await;
        }
    }

    /// Writes what is left, when nobody else writes any more.
    pub async fn write_last_of_plugin_log(&self) {
        self.write_lines(self.plugin_log.0.rest().await).await;
    }

    async fn write_lines(&self, mut called: Gathered<'_, Called>) {
        called.items().sort_by(|a, b| (a.tenant.0, &a.plugin).cmp(&(b.tenant.0, &b.plugin)));
        let same = |a: &Called, b: &Called| (a.tenant, &a.plugin) == (b.tenant, &b.plugin);
        for of_one in called.items().chunk_by(same) {
            let Some(Called { tenant, plugin, .. }) = of_one.first() else { continue };
            let lines: Vec<Line> = of_one.iter().flat_map(|it| it.lines.iter().cloned()).collect();
            if let Err(error) = self.write_lines_of(*tenant, plugin, &lines).await {
                tracing::warn!(%tenant, plugin, %error, "lines are missing in the log of a plugin");
            }
        }
        called.written();
        let lost = self.plugin_log.0.lost();
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
