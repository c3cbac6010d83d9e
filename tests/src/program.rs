//! The program's commands, as an operator runs them.

use std::process::{Command, Output};

use sqlx::{Connection, PgConnection};

use crate::artifacts;
use crate::server::{ADMIN_TOKEN, Server};

impl Server {
    /// A command of the program that asks this server, as the operator.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(artifacts::tenon());
        command.args(args).env("TENON_URL", &self.url).env("TENON_ADMIN_TOKEN", ADMIN_TOKEN);
        command
    }

    /// What becomes of such a command.
    ///
    /// # Panics
    /// The program cannot be run.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the program runs")
    }

    /// A connection to its database.
    ///
    /// # Panics
    /// There is none.
    pub async fn database(&self) -> PgConnection {
        PgConnection::connect(&self.database_url()).await.expect("the database answers")
    }
}

/// What a command has printed, which has to have succeeded.
///
/// # Panics
/// It has not, or has printed no text.
#[expect(clippy::must_use_candidate, reason = "that it has succeeded may be all that is asked")]
pub fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", complaint(output));
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// What a command has told on standard error.
///
/// # Panics
/// It is no text.
#[must_use]
pub fn complaint(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}
