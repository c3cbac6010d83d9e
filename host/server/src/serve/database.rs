//! Opens the database of the configuration: waits for one that is starting, tells at once what
//! waiting does not mend, brings it to the schema, and bounds what its connections may take.

use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use super::{ServeError, own_key};
use crate::config::{Config, Database, Replica, place};
use crate::store::embedded::{self, Embedded, EmbeddedSettings};
use crate::store::row_security::{self, RowSecurity};
use crate::store::{Database as Handle, Pooler, StoreError, migrations, schemas};

/// How long a database that does not answer is waited for at the start.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long one attempt to connect at the start may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Connections for quick reads at the most.
const LANES: u32 = 4;
/// How long borrowed connections are waited for at the end.
pub(super) const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// A database at hand.
#[derive(Debug)]
pub struct OpenDatabase {
    /// Connections to it.
    pub handle: Handle,
    embedded: Option<Embedded>,
}

/// Opens the database of the configuration and brings it to the schema of this server.
///
/// # Errors
/// It cannot be started, reached or migrated.
pub async fn open_database(config: &Config) -> Result<OpenDatabase, ServeError> {
    let (options, embedded) = match &config.database {
        Database::External(options) => (PgConnectOptions::clone(options), None),
        Database::Embedded { bin_dir } => {
            let settings =
                EmbeddedSettings { data_dir: config.data_dir.clone(), bin_dir: bin_dir.clone() };
            let embedded = embedded::start(settings).await?;
            tracing::info!("{embedded}");
            (embedded.connect_options(), Some(embedded))
        }
    };
    let options = options.application_name("tenon");
    let (pooler, connections) = (config.database_pooler, config.database_connections);
    let handle = Handle::new(options.clone(), pooler, connections - lanes_of(connections))
        .with(config.row_level_security)
        .with_keyring(own_key::keyring(config)?);
    let database = OpenDatabase { handle, embedded };
    match prepare(pooler.adapt(options), pooler, config).await {
        Ok(()) => Ok(database),
        Err(error) => {
            database.close().await;
            Err(error)
        }
    }
}

/// The replicas of the configuration, with their hosts as names. Nothing is asked of them yet: a
/// replica that is away is no reason not to start.
pub(super) fn replicas(config: &Config) -> Vec<(String, Handle)> {
    let replica = |Replica(options): &Replica| {
        let options = options.clone().application_name("tenon");
        let name = format!("{}:{}", options.get_host(), options.get_port());
        let handle = Handle::new(options, config.database_pooler, config.database_connections);
        (name, handle.with(config.row_level_security))
    };
    let replicas: Vec<_> = config.database_replicas.iter().map(replica).collect();
    if !replicas.is_empty() {
        let names: Vec<_> = replicas.iter().map(|(name, _)| name.as_str()).collect();
        tracing::info!(replicas = names.join(" "), "lists are read from replicas");
    }
    replicas
}

impl OpenDatabase {
    /// Closes the connections, and stops an embedded Postgres that nobody else uses.
    pub async fn close(self) {
        if timeout(CLOSE_LIMIT, self.handle.close()).await.is_err() {
            tracing::warn!(
                seconds = CLOSE_LIMIT.as_secs(),
                "connections to the database are still in use; stopping all the same"
            );
        }
        if let Some(embedded) = self.embedded
            && let Err(error) = embedded.stop().await
        {
            tracing::error!(%error, "the embedded Postgres did not stop");
        }
    }
}

/// How many of the connections are for quick reads.
pub(super) fn lanes_of(connections: u32) -> u32 {
    LANES.min(connections / 2)
}

/// Apart from the handle, whose bounds are for requests: a migration may take long, and waits for
/// the one of a server beside this one.
async fn prepare(
    options: PgConnectOptions,
    pooler: Pooler,
    config: &Config,
) -> Result<(), ServeError> {
    let mut connection = connect(&options, PATIENCE).await?;
    // What the database allows is the pooler's to know, where there is one.
    if pooler == Pooler::None {
        warn_of_few_connections(&mut connection, config.database_connections)
            .await
            .map_err(StoreError::from)?;
    }
    migrations::migrate(&mut connection).await?;
    schemas::bring_in_line(&mut connection).await?;
    if config.row_level_security == RowSecurity::On {
        row_security::enable(&mut connection).await?;
    }
    connection.close().await.map_err(StoreError::from)?;
    Ok(())
}

/// The first connection. The first server of a deployment often starts together with its
/// database, so one that is not there yet is waited for.
async fn connect(
    options: &PgConnectOptions,
    patience: Duration,
) -> Result<PgConnection, ServeError> {
    let deadline = Instant::now() + patience;
    loop {
        let attempt = timeout(CONNECT_LIMIT, PgConnection::connect_with(options));
        let error = match attempt.await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(elapsed) => sqlx::Error::Io(elapsed.into()),
        };
        if !may_pass(&error) || Instant::now() >= deadline {
            return Err(ServeError::Database { place: place(options), source: error });
        }
        tracing::warn!(%error, database = place(options), "the database does not answer yet");
        sleep(Duration::from_millis(500)).await;
    }
}

/// Whether it is worth while to try again: nobody listens yet, or the server is starting
/// (57P03), ending, or has no room. A wrong password (class 28) or an unknown database (3D000)
/// stays wrong.
fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code.starts_with("57P") || code.starts_with("53") || code.starts_with("08")
        }),
        _ => false,
    }
}

async fn warn_of_few_connections(
    connection: &mut PgConnection,
    wanted: u32,
) -> Result<(), sqlx::Error> {
    let (most, reserved): (i32, i32) = sqlx::query_as(
        "SELECT current_setting('max_connections')::int,
                current_setting('superuser_reserved_connections')::int",
    )
    .fetch_one(connection)
    .await?;
    let available = most - reserved;
    if i64::from(available) < i64::from(wanted) {
        tracing::warn!(
            database_connections = wanted,
            available,
            "the database allows fewer connections than database_connections; lower that, or raise max_connections there"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::keyring::Keyring;
    use crate::service::housekeeping::Retention;
    use crate::telemetry::LogFormat;
    use crate::tenant::resolve::EntrySettings;

    fn config(data_dir: &std::path::Path, database: Database) -> Config {
        Config {
            listen: ([127, 0, 0, 1], 0).into(),
            public_url: String::new(),
            entry: EntrySettings::default(),
            admin_token: None,
            keyring: Keyring::default(),
            database,
            database_pooler: Pooler::None,
            database_connections: 2,
            database_replicas: Vec::new(),
            row_level_security: RowSecurity::Off,
            failed_attempts: 20,
            filter_scan_limit: 50_000,
            plugin_memory_budget: 1,
            outbound_allow: Vec::new(),
            retention: Retention::default(),
            data_dir: data_dir.to_owned(),
            log: String::new(),
            log_format: LogFormat::Text,
        }
    }

    async fn bounds(database: &Handle) -> [String; 3] {
        let (statement, lock, idle) = sqlx::query_as(
            "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),
                    current_setting('idle_in_transaction_session_timeout')",
        )
        .fetch_one(&mut *database.read().await.unwrap())
        .await
        .unwrap();
        [statement, lock, idle]
    }

    #[tokio::test]
    async fn connections_are_bounded_in_any_database_unless_its_url_says_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.path(), open).unwrap();
        let ours = config(dir.path(), Database::Embedded { bin_dir: None });
        let ours = open_database(&ours).await.unwrap();
        assert_eq!(bounds(&ours.handle).await, ["30s", "5s", "30s"]);

        let options = ours.embedded.as_ref().unwrap().connect_options();
        let options = options.options([("statement_timeout", "7s")]);
        let external = Database::External(Box::new(options));
        let external = open_database(&config(dir.path(), external)).await.unwrap();
        assert_eq!(bounds(&external.handle).await, ["7s", "5s", "30s"]);
        external.close().await;
        ours.close().await;
    }

    #[tokio::test]
    async fn a_database_that_nobody_listens_for_is_told_as_such() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(free)
            .username("ada")
            .password("hunter2")
            .database("scim");
        let error = connect(&options, Duration::ZERO).await.unwrap_err().to_string();
        assert!(error.contains(&format!("ada@127.0.0.1:{free}/scim")), "{error}");
        assert!(error.contains("refused") && !error.contains("hunter2"), "{error}");
    }
}
