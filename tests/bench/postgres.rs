//! The database of the server that is measured, and what the server sends to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio_postgres::{Client, Config, NoTls};

/// How to reach the embedded PostgreSQL of a data directory, while it runs.
pub(crate) struct Postgres {
    socket_dir: String,
    port: u16,
    password: String,
    log: PathBuf,
}

impl Postgres {
    pub(crate) fn of(data_dir: &Path) -> Self {
        let root = data_dir.join("postgres");
        let read = |path: PathBuf| fs::read_to_string(&path).expect("a file of the database");
        // The fourth line is the port, the fifth the directory of the socket.
        let running = read(root.join("cluster/data/postmaster.pid"));
        let line = |number: usize| running.lines().nth(number).expect("a line").trim().to_owned();
        Self {
            socket_dir: line(4),
            port: line(3).parse().expect("a port"),
            password: read(root.join("cluster/password")).trim().to_owned(),
            log: root.join("server.log"),
        }
    }

    /// A connection as the server's role, or as the superuser.
    pub(crate) async fn connect(&self, user: &str) -> Client {
        let (client, connection) = Config::new()
            .host(&self.socket_dir)
            .port(self.port)
            .user(user)
            .password(&self.password)
            .dbname("tenon")
            .connect(NoTls)
            .await
            .expect("the database answers");
        tokio::spawn(connection);
        client
    }

    /// The release.
    pub(crate) async fn version(&self) -> String {
        let client = self.connect("tenon").await;
        let row = client.query_one("SHOW server_version", &[]).await.expect("a version");
        row.get(0)
    }

    /// pgbench, with where the database is.
    pub(crate) fn pgbench(&self) -> Command {
        let mut command = Command::new("pgbench");
        command
            .env("PGPASSWORD", &self.password)
            .env("PGDATABASE", "tenon")
            .args(["--host", &self.socket_dir, "--port", &self.port.to_string()])
            .args(["--username", "tenon", "--no-vacuum", "--protocol", "prepared"]);
        command
    }

    /// Whether servers that connect from now on have their statements logged.
    pub(crate) async fn log_statements(&self, on: bool) {
        let client = self.connect("postgres").await;
        let statement = match on {
            true => "ALTER ROLE tenon SET log_statement = 'all'",
            false => "ALTER ROLE tenon RESET log_statement",
        };
        client.batch_execute(statement).await.expect("the superuser may");
    }

    /// Everything that is logged from here on.
    pub(crate) fn log_from_here(&self) -> LogFrom<'_> {
        let from = fs::metadata(&self.log).map_or(0, |log| log.len());
        LogFrom { log: &self.log, from: usize::try_from(from).unwrap_or(0) }
    }
}

/// A part of the log.
pub(crate) struct LogFrom<'a> {
    log: &'a Path,
    from: usize,
}

impl LogFrom<'_> {
    pub(crate) fn statements(&self) -> Vec<Statement> {
        let log = fs::read(self.log).expect("the log of the database");
        statements(&String::from_utf8_lossy(&log[self.from..]))
    }
}

/// A statement as a server has sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The process that carried it out.
    pub(crate) process: String,
    pub(crate) text: String,
    /// As text; none is NULL.
    pub(crate) parameters: Vec<Option<String>>,
}

impl Statement {
    pub(crate) fn has_parameter(&self, value: &str) -> bool {
        self.parameters.iter().flatten().any(|parameter| parameter == value)
    }

    /// The same for another tenant.
    pub(crate) fn in_tenant(&self, seen: &str, other: &str) -> Self {
        let replaced = |it: &Option<String>| match it.as_deref() == Some(seen) {
            true => Some(other.to_owned()),
            false => it.clone(),
        };
        Self { parameters: self.parameters.iter().map(replaced).collect(), ..self.clone() }
    }

    /// Whether it changes something, or is about the transaction in which it is done.
    pub(crate) fn is_of_a_write(&self) -> bool {
        let text = self.text.to_uppercase();
        ["INSERT INTO", "UPDATE ", "DELETE FROM"].iter().any(|verb| text.contains(verb))
            || ["BEGIN", "COMMIT"].iter().any(|verb| text.trim_start().starts_with(verb))
    }
}

/// Reads `log_line_prefix = '%m [%p] '`; further lines of one entry begin with a tab.
fn statements(log: &str) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    for line in log.replace("\n\t", "\u{1}").lines() {
        let entry = line.replace('\u{1}', "\n");
        let Some((process, rest)) = entry.split_once('[').and_then(|(_, it)| it.split_once("] "))
        else {
            continue;
        };
        let rest = rest.trim_end();
        if let Some(message) = rest.strip_prefix("LOG:  ") {
            let text = message
                .strip_prefix("statement: ")
                .or_else(|| message.strip_prefix("execute ")?.split_once(": ").map(|it| it.1));
            if let Some(text) = text {
                let (process, text) = (process.to_owned(), text.to_owned());
                statements.push(Statement { process, text, parameters: Vec::new() });
            }
        } else if let Some(list) = rest.strip_prefix("DETAIL:  parameters: ")
            && let Some(last) = statements.iter_mut().rev().find(|it| it.process == process)
        {
            last.parameters = parameters(list);
        }
    }
    statements
}

/// Reads `$1 = 'a', $2 = NULL`, where a quote in a value is doubled.
fn parameters(mut list: &str) -> Vec<Option<String>> {
    let mut parameters = Vec::new();
    while let Some((_, rest)) = list.split_once(" = ") {
        let Some(quoted) = rest.strip_prefix('\'') else {
            parameters.push(None);
            list = rest.split_once(", ").map_or("", |(_, rest)| rest);
            continue;
        };
        let (mut value, mut rest) = (String::new(), quoted);
        while let Some((part, after)) = rest.split_once('\'') {
            value.push_str(part);
            rest = after;
            match rest.strip_prefix('\'') {
                Some(after) => {
                    value.push('\'');
                    rest = after;
                }
                None => break,
            }
        }
        parameters.push(Some(value));
        list = rest;
    }
    parameters
}
