//! The HTTP client of everything here.

use std::sync::Once;
use std::time::Duration;

/// A client that speaks http, and https with the certificates that the system trusts.
///
/// # Panics
/// The system's certificates cannot be read.
#[must_use]
pub fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    // An error means that there is one already.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    reqwest::Client::builder()
        // Shorter than the server keeps an idle connection: a test that blocks for long, such as
        // while a component is built, finds out that its connection is old before it is used.
        .pool_idle_timeout(Duration::from_secs(20))
        .build()
        .expect("a client")
}
