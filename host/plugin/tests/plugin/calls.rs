//! What happens in calls: every hostile component ends in the outcome that its file announces.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tenon_plugin::{Budget, Call, CallError, Issue, Limits, Outcome};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Fixture, call, limits, user, validate};

#[tokio::test]
async fn a_harmless_plugin_accepts() {
    let outcome = Fixture::new().validate("harmless").await;
    assert_eq!(outcome.result.unwrap(), []);
    assert!(outcome.usage.fuel > 0 && outcome.usage.fuel < 1_000, "{:?}", outcome.usage);
    assert_eq!(outcome.usage.peak_memory_bytes, 64 * 1024);
}

#[tokio::test]
async fn an_endless_loop_runs_out_of_fuel() {
    for name in ["loop", "realloc-loop", "host-call-storm"] {
        let outcome = Fixture::new().validate(name).await;
        let error = outcome.result.unwrap_err();
        assert!(matches!(error, CallError::OutOfFuel { limit: 20_000_000 }), "{name}: {error}");
        assert_eq!(outcome.usage.fuel, 20_000_000, "{name}");
    }
}

#[tokio::test]
async fn without_a_fuel_limit_the_deadline_ends_a_loop() {
    let limits =
        Limits { fuel: u64::MAX / 2, deadline: Duration::from_millis(50), ..Limits::default() };
    let fixture = Fixture::with(limits);
    for name in ["loop", "host-call-storm"] {
        let error = fixture.failure(name).await;
        assert_eq!(error.kind(), "deadline-exceeded", "{name}: {error}");
    }
}

#[tokio::test]
async fn searching_many_values_many_times_in_one_host_call_takes_fuel() {
    let outcome = search_many_values(limits()).await;
    let error = outcome.result.unwrap_err();
    assert!(matches!(error, CallError::OutOfFuel { limit: 20_000_000 }), "{error}");
    assert_eq!(outcome.usage.fuel, 20_000_000);

    // The same where a path has nothing to look at.
    let outcome = Fixture::new().validate("path-storm").await;
    assert_eq!(outcome.result.unwrap(), []);
}

#[tokio::test]
async fn without_a_fuel_limit_the_deadline_is_seen_between_two_paths() {
    let limits = Limits { fuel: u64::MAX / 2, deadline: Duration::from_millis(50), ..limits() };
    let all_paths = 4_000 * 14_000 * limits.host_call_fuel_per_value;
    let outcome = search_many_values(limits).await;
    let error = outcome.result.unwrap_err();
    assert_eq!(error.kind(), "deadline-exceeded", "{error}");
    assert!(outcome.usage.fuel < all_paths, "{:?}", outcome.usage);
}

#[tokio::test]
async fn a_loop_lets_other_tasks_of_its_thread_run() {
    let limits = Limits { fuel: u64::MAX / 2, ..limits() };
    let plugin = Fixture::with(limits).plugin("loop").await;
    // This test and the guest share one thread: the test goes on only if the guest yields, and
    // the guest can be given up only then.
    let looping = tokio::spawn(async move { validate(&plugin).await });
    tokio::task::yield_now().await;
    assert!(!looping.is_finished());
    looping.abort();
    assert!(looping.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn memory_stops_at_its_limit() {
    let limit = 64 * 1024 * 1024;
    // Filling 64 MiB takes more fuel than a call has by default.
    let fixture = Fixture::with(Limits { fuel: u64::MAX / 2, ..limits() });
    for name in ["memory-hog", "memory-filler"] {
        let outcome = fixture.validate(name).await;
        // They grow by at most 16 pages, so the last growth that fits ends close to the limit.
        let peak = outcome.usage.peak_memory_bytes;
        assert!(peak <= limit && peak > limit - 16 * 65_536, "{name}: {peak}");
        let error = outcome.result.unwrap_err();
        let CallError::MemoryExceeded { limit: told, wanted } = error else {
            panic!("{name}: {error}");
        };
        assert_eq!(told, limit);
        assert!(wanted > limit, "{name}: {wanted}");
    }
}

#[tokio::test]
async fn a_panic_is_a_trap_with_a_backtrace() {
    let CallError::Trap { trap, backtrace } = Fixture::new().failure("trap").await else {
        panic!("expected a trap");
    };
    assert!(trap.contains("unreachable"), "{trap}");
    assert!(backtrace.contains("wasm function"), "{backtrace}");
}

#[tokio::test]
async fn recursion_stops_at_the_stack_limit() {
    let error = Fixture::new().failure("recursion").await;
    assert!(matches!(&error, CallError::Trap { trap, .. } if trap.contains("stack")), "{error}");
}

#[tokio::test]
async fn answers_that_break_the_boundarys_rules_are_invalid_output() {
    let fixture = Fixture::new();
    for name in ["huge-string", "huge-list", "invalid-utf8", "handle-leak"] {
        let error = fixture.failure(name).await;
        assert_eq!(error.kind(), "invalid-output", "{name}: {error}");
        assert!(error.to_string().len() < 2_000, "{name}");
    }
}

#[tokio::test]
async fn a_thousand_issues_are_cut_and_counted() {
    let issues = Fixture::new().validate("many-issues").await.result.unwrap();
    assert_eq!(issues.len(), 51);
    assert_eq!(issues[50].detail, "950 more issues were found and left out here.");
}

#[tokio::test]
async fn issue_text_cannot_steer_a_terminal() {
    let issues = Fixture::new().validate("ansi-issue").await.result.unwrap();
    assert_eq!(issues[0].detail, "\u{fffd}[2J\u{fffd}no \u{fffd}");
}

#[tokio::test]
async fn nothing_is_remembered_between_calls() {
    let plugin = Fixture::new().plugin("remembers").await;
    for _ in 0..20 {
        assert_eq!(validate(&plugin).await.result.unwrap(), []);
    }
}

#[tokio::test]
async fn calls_past_the_tenants_places_are_busy_at_once() {
    let limits = Limits {
        fuel: u64::MAX / 2,
        fuel_per_second: u64::MAX,
        concurrent_calls: 2,
        concurrent_calls_per_tenant: 1,
        ..limits()
    };
    let fixture = Fixture::with(limits);
    let looping = fixture.plugin("loop").await;
    let harmless = fixture.plugin("harmless").await;

    let running = tokio::spawn(async move { validate(&looping).await });
    tokio::task::yield_now().await;
    let busy = validate(&harmless).await;
    assert!(matches!(busy.result, Err(CallError::Busy { whose: "the tenant", running: 1 })));
    assert_eq!(busy.usage.fuel, 0);

    let document = user(json!({ "userName": "ada" }));
    let other = harmless.validate(&call("another tenant"), document, None).await;
    assert_eq!(other.result.unwrap(), []);

    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!(validate(&harmless).await.result.unwrap(), [] as [Issue; 0]);
}

#[tokio::test]
async fn a_log_flood_is_cut_plain_and_labelled() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(log.clone()).finish();
    let _subscribed = tracing::subscriber::set_default(subscriber);

    let outcome = Fixture::new().validate("log-flood").await;
    assert!(outcome.result.is_ok());
    assert_eq!(outcome.usage.log_lines_dropped, 1_000 - 64);

    let lines = log.lines();
    let guest: Vec<_> = lines.iter().filter(|line| line["target"] == "tenon::guest").collect();
    assert_eq!(guest.len(), 64);
    let fields = &guest[0]["fields"];
    assert_eq!(fields["message"], "\u{fffd}[2J\u{fffd}[H\u{fffd}no such line");
    assert_eq!((&fields["tenant"], &fields["plugin"]), (&json!("tenant"), &json!("plugin")));
    assert_eq!(fields["request_id"], "request");
}

#[tokio::test]
async fn a_failed_call_is_one_warning_with_its_cost() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(log.clone()).finish();
    let _subscribed = tracing::subscriber::set_default(subscriber);

    let plugin = Fixture::new().plugin("trap").await;
    let outcome = validate(&plugin).await;
    assert_eq!(outcome.result.unwrap_err().kind(), "trap");

    let lines = log.lines();
    let warnings: Vec<_> = lines.iter().filter(|line| line["level"] == "WARN").collect();
    assert_eq!(warnings.len(), 1, "{lines:?}");
    let fields = &warnings[0]["fields"];
    assert_eq!(fields["outcome"], "trap");
    assert_eq!(fields["hook"], "validate");
    assert_eq!(fields["digest"], plugin.digest().to_string());
    assert_eq!(fields["fuel"], outcome.usage.fuel);
    assert_eq!(fields["peak_memory_bytes"], 64 * 1024);
}

#[tokio::test]
async fn the_budget_of_a_tenant_ends_its_calls_before_the_hosts_limits_do() {
    let fixture = Fixture::with(Limits { fuel: u64::MAX / 2, ..limits() });
    let (plugin, document) = (fixture.plugin("loop").await, user(json!({ "userName": "ada" })));
    let judge = async |budget| {
        let call = Call { budget, ..call("tenant") };
        plugin.validate(&call, document.clone(), None).await.result.unwrap_err()
    };
    let error = judge(Budget { fuel: Some(1_000), ..Budget::default() }).await;
    assert!(matches!(error, CallError::OutOfFuel { limit: 1_000 }), "{error}");
    let limit = Duration::from_millis(20);
    let error = judge(Budget { deadline: Some(limit), ..Budget::default() }).await;
    assert!(
        matches!(error, CallError::DeadlineExceeded { limit: found } if found == limit),
        "{error}"
    );
    let error = judge(Budget { concurrent_calls: Some(0), ..Budget::default() }).await;
    assert!(matches!(error, CallError::Busy { whose: "the tenant", .. }), "{error}");
}

/// Has `path-storm` judge a user with 14,000 emails.
async fn search_many_values(limits: Limits) -> Outcome<Vec<Issue>> {
    let plugin = Fixture::with(limits).plugin("path-storm").await;
    let emails = vec![json!({ "value": "ada@example.com" }); 14_000];
    plugin.validate(&call("tenant"), user(json!({ "emails": emails })), None).await
}

/// Catches the log of one thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
