//! Asking again where a server is busy or away: commands that take long outlast a restart.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::time::sleep;

use super::admin::AdminError;

/// The pauses before further attempts. Together, longer than a server takes to start.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

/// The answer to a question that may be asked several times.
pub(super) async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<T, AdminError>
where
    F: Future<Output = Result<T, AdminError>>,
{
    for pause in PAUSES {
        match ask().await {
            Err(error) if passes(&error) => sleep(pause).await,
            done => return done,
        }
    }
    ask().await
}

fn passes(error: &AdminError) -> bool {
    match error {
        AdminError::NoAnswer { .. } => true,
        AdminError::Refused { status, .. } => matches!(
            *status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        ),
        _ => false,
    }
}
