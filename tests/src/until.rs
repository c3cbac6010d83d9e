//! Waits for what comes by itself, and not for ever.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Answer, Client};

/// By then whatever a test waits for has come, also on a machine that is busy.
const LONGEST: Duration = Duration::from_secs(60);

/// Looks again and again until there is something.
///
/// # Panics
/// Nothing comes within a minute.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < LONGEST, "never: {what}");
        tokio::task::yield_now().await;
    }
}

/// Asks until the answer has the status: another server learns of a change within seconds.
///
/// # Panics
/// No answer has it within a minute.
pub async fn until_status(client: &Client, path: &str, status: u16) -> Answer {
    until(&format!("{status} at {path}"), async || {
        let answer = client.get(path).await;
        (answer.status == status).then_some(answer)
    })
    .await
}

/// Creates a user, again and again until the calls of plugins end by themselves. On a busy machine their
/// deadline, which is wall time, may end them before.
///
/// # Panics
/// Twenty times a call passes its deadline.
pub async fn create_within_deadline(scim: &Client, user: &Value) -> Answer {
    for _ in 0..20 {
        let answer = scim.post("/Users", user.clone()).await;
        if answer.status != 504 {
            return answer;
        }
    }
    panic!("every call passed its deadline");
}
