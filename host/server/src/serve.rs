//! The running server: database, plugins, HTTP, and how it ends.

mod accept;
mod background;
mod database;
mod own_key;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;
use sqlx::migrate::MigrateError;
use tenon_plugin::{Compiler, HostError, HostSettings, Limits, PluginHost};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::clock;
use crate::config::{Config, place};
use crate::http::{App, Http};
use crate::keyring::KeyError;
use crate::service::Services;
use crate::service::cursor::CursorSealer;
use crate::store::embedded::EmbeddedError;
use crate::store::filter_sql;
use crate::store::lanes::Lanes;
use crate::store::replicas::Replicas;
use crate::store::row_security::RowSecurityError;
use crate::store::schemas::SchemaError;
use crate::store::{Database, StoreError, keys, plugins as stored_plugins, tokens};
use crate::tenant::access_token::AccessTokens;
use crate::tenant::attempts::Attempts;
use crate::tenant::auth::{NoRandomness, SecretHash, generate_admin_token, random};
use crate::tenant::credentials::Credentials;
use crate::tenant::jwks::JwksCache;
use crate::tenant::outbound::Outbound;
use crate::tenant::resolve::Resolver;
use accept::Bounds;
use database::{CLOSE_LIMIT, lanes_of, replicas};

pub use database::{OpenDatabase, open_database};

/// The hidden subcommand in which uploaded components are compiled.
pub const COMPILE_SUBCOMMAND: &str = "compile-plugin";

/// How long requests in flight may take when the server is told to stop.
const GRACE: Duration = Duration::from_secs(30);
/// How long bulk requests may then take to undo what is not complete.
const UNDOING: Duration = Duration::from_secs(5);

/// Why the server does not run. One line, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The embedded Postgres.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// The database of the configuration.
    #[error("cannot use the database {place}: {source}; check database_url (TENON_DATABASE_URL)")]
    Database {
        /// Which one: user, host, port and name.
        place: String,
        /// What it said, or kept us from asking.
        source: sqlx::Error,
    },
    /// The second lock.
    #[error(transparent)]
    RowSecurity(#[from] RowSecurityError),
    /// The schema of a tenant.
    #[error("the schemas of tenants cannot be brought in line: {0}")]
    Schemas(#[from] SchemaError),
    /// Its schema.
    #[error("the database cannot be migrated: {0}")]
    Migrate(#[from] MigrateError),
    /// Requests of its own.
    #[error("no TLS: {0}")]
    Tls(#[source] reqwest::Error),
    /// A statement.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The plugin host.
    #[error("plugins cannot be run: {0}")]
    Plugins(#[from] HostError),
    /// The operating system.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The key that was made for secrets.
    #[error("what is in {path} must be {error}; bring back the file, or set TENON_ENCRYPTION_KEY")]
    EncryptionKey {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: KeyError,
    },
    /// The address.
    #[error("cannot listen on {address}: {source}; choose another with --listen or TENON_LISTEN")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Anything else of the operating system's.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// Serves until the process is told to stop (SIGTERM, SIGINT).
///
/// # Errors
/// The server cannot start.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    let io = |doing| move |source| ServeError::Io { doing, source };
    let mut terminate = signal(SignalKind::terminate()).map_err(io("wait for SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(io("wait for SIGINT"))?;
    let mut stop_asked = async move || {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    };
    // Before the database: an address in use is told at once.
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|source| ServeError::Listen { address: config.listen, source })?;
    let database = tokio::select! {
        database = open_database(&config) => database?,
        _ = stop_asked() => return Ok(()),
    };
    let app = match build_app(&config, &listener, &database.handle).await {
        Ok(app) => app,
        Err(error) => {
            database.close().await;
            return Err(error);
        }
    };
    tracing::info!(url = app.public_url, "ready");
    let services = app.services.clone();
    let mut background = background::start(&services, config.retention);
    let (stop, stopped) = oneshot::channel::<()>();
    let http = Http::new(app);
    let answer = move |request| http.clone().answer(request);
    let server = accept::serve(listener, answer, Bounds::of_this_process(), async {
        let _ = stopped.await;
    });
    let mut server = tokio::spawn(server);
    let cause = stop_asked().await;
    tracing::info!(cause, "stopping: requests in flight are finished");
    let _ = stop.send(());
    tokio::select! {
        finished = timeout(GRACE, &mut server) => if finished.is_err() {
            tracing::warn!(seconds = GRACE.as_secs(), "requests are still in flight; stopping all the same");
        },
        cause = stop_asked() => tracing::warn!(cause, "told to stop again; stopping at once"),
    }
    // With the task its connections end, and the requests on them.
    server.abort();
    background.shutdown().await;
    let written = async {
        services.write_last_requests().await;
        services.write_last_of_plugin_log().await;
        services.write_last_shadows().await;
        services.write_last_recordings().await;
    };
    if timeout(UNDOING, written).await.is_err() {
        tracing::warn!("the last requests and calls of plugins are missing in the logs of tenants");
    }
    tokio::select! {
        ended = timeout(UNDOING, services.bulks_ended()) => if ended.is_err() {
            tracing::warn!(seconds = UNDOING.as_secs(), "a bulk request is still being undone");
        },
        cause = stop_asked() => tracing::warn!(cause, "told to stop again; stopping at once"),
    }
    services.lanes.close();
    let closed = async {
        if let Err(error) = services.credentials.uses.write(&services.database).await {
            tracing::warn!(%error, "when credentials were last used could not be kept");
        }
        let _ = timeout(CLOSE_LIMIT, services.replicas.close()).await;
        database.close().await;
    };
    tokio::select! {
        () = closed => tracing::info!("stopped"),
        cause = stop_asked() => {
            tracing::warn!(cause, "told to stop again; the database is left as it is");
        }
    }
    Ok(())
}

async fn build_app(
    config: &Config,
    listener: &TcpListener,
    database: &Database,
) -> Result<Arc<App>, ServeError> {
    let io = |doing| move |source| ServeError::Io { doing, source };
    let compiler =
        Compiler::this_program([COMPILE_SUBCOMMAND]).map_err(io("find this program's file"))?;
    let cache_dir = config.data_dir.join("plugin-cache");
    // Starting the engine reserves address space and looks at the cache: not on an async thread.
    let limits = Limits { loaded_bytes: config.plugin_memory_budget, ..Limits::default() };
    let settings = HostSettings { cache_dir, compiler, limits };
    let plugins = tokio::task::spawn_blocking(move || PluginHost::new(settings))
        .await
        .map_err(|error| ServeError::Io { doing: "start plugins", source: error.into() })??;
    let mut transaction = database.begin().await?;
    let needed = stored_plugins::digests(&mut transaction).await?;
    let cursors = CursorSealer::new(key(&mut transaction, "cursors").await?);
    let access_tokens = AccessTokens::new(key(&mut transaction, "access-tokens").await?);
    let identities = key(&mut transaction, "identities").await?;
    transaction.commit().await?;
    if let Err(error) = plugins.prune(&needed).await {
        tracing::warn!(%error, "compiled code that no plugin needs could not be removed");
    }
    let address = listener.local_addr().map_err(io("ask for the address"))?;
    // With port 0 the system chooses, and only now is it known which.
    let public_url = match config.listen.port() {
        0 => config.public_url.replace(&config.listen.to_string(), &address.to_string()),
        _ => config.public_url.clone(),
    };
    if config.listen.ip().is_unspecified() && public_url.contains(&config.listen.ip().to_string()) {
        tracing::warn!(
            public_url,
            "no client can reach the server under this URL, and answers contain it: set \
             --public-url or TENON_PUBLIC_URL"
        );
    }
    let lanes = lanes(config, database)?;
    let replicas = Replicas::new(database.clone(), lanes.clone(), replicas(config));
    let list_limits =
        filter_sql::Limits { documents: config.filter_scan_limit, ..Default::default() };
    let outbound = Outbound::new(&config.outbound_allow).map_err(ServeError::Tls)?;
    let attempts = Attempts::new(config.failed_attempts);
    let jwks = JwksCache::new(outbound);
    let keyring = own_key::keyring(config)?;
    let credentials = Credentials::new(jwks, access_tokens, attempts, identities, keyring.clone());
    Ok(Arc::new(App {
        services: Services::new(
            database.clone(),
            lanes,
            replicas,
            plugins,
            cursors,
            list_limits,
            credentials,
        ),
        admin_token: admin_token(config, database).await?,
        resolver: Resolver::new(config.entry.clone(), &public_url),
        public_url,
    }))
}

fn lanes(config: &Config, database: &Database) -> Result<Lanes, ServeError> {
    let options = database.connect_options();
    let lanes = Lanes::open(&options, lanes_of(config.database_connections), database.pooler());
    lanes
        .map(|lanes| lanes.with(database.row_security()))
        .map_err(|source| ServeError::Database { place: place(&options), source })
}

/// The key for a purpose, which all servers on the database share.
async fn key(conn: &mut PgConnection, purpose: &str) -> Result<[u8; 32], ServeError> {
    let fresh = random()?;
    let key = keys::get_or_insert(conn, purpose, &fresh, clock::now()).await?;
    let wrong = |key: Vec<u8>| StoreError::Unknown {
        what: "key of the servers",
        found: format!("{} bytes for \"{purpose}\"", key.len()),
    };
    Ok(key.try_into().map_err(wrong)?)
}

/// The configured token; else the one that was generated at the first start, of which only the
/// hash is known; else a new one, printed this once.
async fn admin_token(config: &Config, database: &Database) -> Result<SecretHash, ServeError> {
    if let Some(token) = &config.admin_token {
        return Ok(SecretHash::of(token.0.as_bytes()));
    }
    let token = generate_admin_token()?;
    let hash = SecretHash::of(token.as_bytes());
    let mut conn = database.autocommit().await?;
    let is_first = tokens::insert_admin_hash(&mut conn, hash.as_bytes(), clock::now()).await;
    if conn.finish(is_first).await? {
        // Not to the log, which is kept.
        let mut out = std::io::stdout().lock();
        let printed = writeln!(
            out,
            "\nThe operator's token, shown this once (TENON_ADMIN_TOKEN sets another):\n\n  {token}\n"
        );
        printed
            .and_then(|()| out.flush())
            .map_err(|source| ServeError::Io { doing: "print the operator's token", source })?;
        return Ok(hash);
    }
    tracing::info!(
        "the operator's token is the one printed at the first start; TENON_ADMIN_TOKEN sets another"
    );
    let stored = tokens::admin_hash(&mut *database.read().await?).await?;
    let stored = stored.as_deref().and_then(SecretHash::from_stored);
    stored.ok_or_else(|| {
        ServeError::Store(StoreError::Unknown {
            what: "operator's token",
            found: "no hash of 32 bytes".to_owned(),
        })
    })
}
