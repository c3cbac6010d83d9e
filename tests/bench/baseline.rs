//! What the database does without a server: the statements that the server was seen to send.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::postgres::{Postgres, Statement};

/// Scripts of one run of pgbench. Each of its clients prepares them all: of many, that is most of what
/// it does in a few seconds.
pub(crate) const SCRIPTS: usize = 8;

/// pgbench on one statement: a second's worth. The parameter that was `probe` has each of `values`
/// in turn, at random; the others stay as they are. pgbench has no text variables that change, so
/// every value has a script.
pub(crate) fn pgbench(
    postgres: &Postgres,
    statement: &Statement,
    probe: &str,
    values: &[String],
    clients: usize,
    seconds: u64,
) -> f64 {
    let scripts = tempfile::tempdir().expect("a directory");
    let mut command = postgres.pgbench();
    command.args(["--client", &clients.to_string(), "--jobs", "2"]);
    command.args(["--time", &seconds.to_string()]);
    let mut fixed = statement.text.clone();
    let mut varying = Vec::new();
    for (place, value) in statement.parameters.iter().enumerate().rev() {
        let (number, name) = (place + 1, format!("p{}", place + 1));
        if value.as_deref() == Some(probe) {
            varying.push(number);
            continue;
        }
        fixed = fixed.replace(&format!("${number}"), &format!(":{name}"));
        let value = value.as_deref().expect("pgbench has no NULL");
        command.arg("--define").arg(format!("{name}={value}"));
    }
    assert!(!varying.is_empty(), "no parameter of {statement:?} is {probe}");
    for (place, value) in values.iter().take(SCRIPTS).enumerate() {
        let script = scripts.path().join(format!("{place}.sql"));
        let mut text = fixed.clone();
        for number in &varying {
            text = text.replace(&format!("${number}"), &format!(":v{place}"));
        }
        std::fs::write(&script, format!("{text};\n")).expect("a script");
        command.arg("--define").arg(format!("v{place}={value}"));
        command.arg("--file").arg(script);
    }
    let output = command.output().expect("pgbench is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
    rate.and_then(|rate| rate.parse().ok()).unwrap_or_else(|| {
        panic!("pgbench failed: {said}{}", String::from_utf8_lossy(&output.stderr))
    })
}

/// The statements of one write, again and again over connections of their own, prepared; how many
/// writes a second. pgbench's scripts have no arrays and no new UUIDs, so it is done here. What was
/// `probe` in the parameters is another text each time, and ids are new.
pub(crate) async fn driven(
    postgres: &Postgres,
    statements: &[Statement],
    tenant: &str,
    probe: &str,
    clients: usize,
    seconds: u64,
) -> f64 {
    let ids: Arc<Vec<String>> = Arc::new(
        statements
            .iter()
            .flat_map(|it| it.parameters.iter().flatten())
            .filter(|value| *value != tenant && Uuid::parse_str(value).is_ok())
            .cloned()
            .collect(),
    );
    let statements = Arc::new(statements.to_vec());
    let started = Instant::now();
    let until = started + Duration::from_secs(seconds);
    let mut tasks = Vec::new();
    for _ in 0..clients {
        let connection = postgres.connect("tenon").await;
        let (statements, ids, probe) = (statements.clone(), ids.clone(), probe.to_owned());
        tasks.push(tokio::spawn(async move {
            let mut prepared = Vec::new();
            for statement in statements.iter() {
                let types = types(statement);
                let sent = connection.prepare_typed(&statement.text, &types).await;
                prepared.push(sent.expect("it was sent so"));
            }
            let mut written = 0_u64;
            while Instant::now() < until {
                let fresh: Vec<String> = ids.iter().map(|_| Uuid::now_v7().to_string()).collect();
                let unique = Uuid::new_v4().simple().to_string();
                for (statement, prepared) in statements.iter().zip(&prepared) {
                    let renewed = |value: &String| {
                        let value = value.replace(&probe, &unique);
                        ids.iter().zip(&fresh).fold(value, |it, (id, new)| it.replace(id, new))
                    };
                    let parameters: Vec<Text> = statement
                        .parameters
                        .iter()
                        .map(|it| Text(it.as_ref().map(renewed)))
                        .collect();
                    let parameters: Vec<&(dyn ToSql + Sync)> =
                        parameters.iter().map(|it| it as &(dyn ToSql + Sync)).collect();
                    connection.execute(prepared, &parameters).await.expect("it was done so");
                }
                written += 1;
            }
            written
        }));
    }
    let mut written = 0;
    for task in tasks {
        written += task.await.expect("a client");
    }
    written as f64 / started.elapsed().as_secs_f64()
}

/// The types of the parameters, as far as the statement does not tell them: the log does not show
/// those that the server named, and one of which only `IS NULL` is asked could have any.
fn types(statement: &Statement) -> Vec<Type> {
    let of = |number: usize| match statement.text.contains(&format!("${number} IS ")) {
        true => Type::TEXT,
        false => Type::UNKNOWN,
    };
    (1..=statement.parameters.len()).map(of).collect()
}

/// A parameter in the text that the log shows, of whatever type.
#[derive(Debug)]
struct Text(Option<String>);

impl ToSql for Text {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match &self.0 {
            Some(text) => {
                out.write_str(text)?;
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}
