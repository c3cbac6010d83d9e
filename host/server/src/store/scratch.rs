//! A migrated database for one test.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tempfile::TempDir;

use super::embedded::{self, Embedded, EmbeddedSettings};
use super::migrations;

pub(crate) struct Scratch {
    pub(crate) pool: PgPool,
    embedded: Embedded,
    _dir: TempDir,
}

impl Scratch {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("tenon-").tempdir().unwrap();
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let settings = EmbeddedSettings { data_dir: dir.path().join("d"), bin_dir: None };
        let embedded = embedded::start(settings).await.unwrap();
        let pool = PgPoolOptions::new().connect_with(embedded.connect_options()).await.unwrap();
        migrations::migrate(&mut pool.acquire().await.unwrap()).await.unwrap();
        Self { pool, embedded, _dir: dir }
    }

    pub(crate) async fn stop(self) {
        self.pool.close().await;
        self.embedded.stop().await.unwrap();
    }
}
