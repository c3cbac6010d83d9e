//! The values of a statement, apart from its text.

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bind {
    Uuid(Uuid),
    Text(String),
    Texts(Vec<String>),
    Number(i64),
}

/// The values of a statement, each known by its place.
#[derive(Debug, Clone, Default)]
pub(super) struct Binds(Vec<Bind>);

impl Binds {
    /// The place of a text: `$3::text`. The type is named, since many operators take several.
    pub(super) fn text(&mut self, text: &str) -> String {
        format!("{}::text", self.place(Bind::Text(text.to_owned())))
    }

    pub(super) fn texts(&mut self, texts: Vec<String>) -> String {
        format!("{}::text[]", self.place(Bind::Texts(texts)))
    }

    pub(super) fn uuid(&mut self, uuid: Uuid) -> String {
        format!("{}::uuid", self.place(Bind::Uuid(uuid)))
    }

    pub(super) fn number(&mut self, number: i64) -> String {
        format!("{}::bigint", self.place(Bind::Number(number)))
    }

    /// A value has one place, however often it is named.
    fn place(&mut self, bind: Bind) -> String {
        let known = self.0.iter().position(|it| *it == bind);
        let place = known.unwrap_or_else(|| {
            self.0.push(bind);
            self.0.len() - 1
        });
        format!("${}", place + 1)
    }
}

/// A statement that was made for one request.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its text. What clients and plugins name is not in it: that is in the values.
    pub text: String,
    pub(super) binds: Binds,
}

impl Statement {
    /// Carries it out. It is planned for its values, and its plan is not kept: another request has
    /// another text.
    pub(super) async fn rows(&self, conn: &mut PgConnection) -> Result<Vec<PgRow>, sqlx::Error> {
        // The text is put together from literals of this module and the places of binds.
        let mut query = sqlx::query(AssertSqlSafe(self.text.clone())).persistent(false);
        for bind in &self.binds.0 {
            query = match bind.clone() {
                Bind::Uuid(uuid) => query.bind(uuid),
                Bind::Text(text) => query.bind(text),
                Bind::Texts(texts) => query.bind(texts),
                Bind::Number(number) => query.bind(number),
            };
        }
        query.fetch_all(conn).await
    }
}
