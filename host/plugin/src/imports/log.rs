//! `log`: the plugin's own lines.

use wasmtime::component::LinkerInstance;

use super::charge::charge_call;
use crate::call::Call;
use crate::report::Line;
use crate::state::State;
use crate::text::plain;

pub(super) fn link(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap("write", |mut store, (level, message): (String, String)| {
        charge_call(&mut store, "log", level.len() + message.len())?;
        let state = store.data_mut();
        if state.allowance.takes_line(message.len()) {
            state.write_line(&level, &message);
        }
        Ok(())
    })
}

impl crate::state::Allowance {
    /// Counts a line of so many bytes. `false`: it is to be dropped.
    fn takes_line(&mut self, bytes: usize) -> bool {
        match (self.log_lines.checked_sub(1), self.log_bytes.checked_sub(bytes)) {
            (Some(lines), Some(left)) => {
                (self.log_lines, self.log_bytes) = (lines, left);
                self.log_lines_written += 1;
                self.log_bytes_written += bytes;
                true
            }
            _ => {
                self.log_lines_dropped = self.log_lines_dropped.saturating_add(1);
                false
            }
        }
    }
}

impl State {
    /// Writes a guest's line to the log, under the target `tenon::guest`, and keeps it for the report.
    fn write_line(&mut self, level: &str, message: &str) {
        let message = plain(message, message.len() * 3);
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    target: "tenon::guest",
                    tenant = self.call.call.as_ref().map(Call::tenant_label),
                    plugin = self.call.call.as_ref().map(Call::plugin_label),
                    request_id = self.call.call.as_ref().map(Call::request_label),
                    digest = %self.call.digest,
                    "{}",
                    message
                )
            };
        }
        let level = match level {
            "debug" => {
                line!(debug);
                "debug"
            }
            "warn" => {
                line!(warn);
                "warn"
            }
            "error" => {
                line!(error);
                "error"
            }
            _ => {
                line!(info);
                "info"
            }
        };
        self.lines.push(Line { level: level.into(), message });
    }
}

impl Call {
    fn tenant_label(&self) -> &str {
        &self.tenant
    }

    fn plugin_label(&self) -> &str {
        &self.plugin
    }

    fn request_label(&self) -> &str {
        &self.request_id
    }
}
