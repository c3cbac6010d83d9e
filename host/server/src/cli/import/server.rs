//! A SCIM service, read page by page: by cursors where it has them (RFC 9865), else by index.
//!
//! With an index, a page may miss what moved to the one before it meanwhile. So what was shown is
//! counted, and gone through again where it cannot have been all. The members of groups are asked
//! for group by group: a list of large groups may be more than a service gives at once.

mod client;
mod walk;

use std::collections::VecDeque;

use clap::ArgMatches;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::client::{SourceClient, Type};
use self::walk::{Step, Walk};
use super::ImportError;
use super::batch::{BYTES, Batch, LINES, member_lines, resource_line};
use super::journal::Progress;
use super::source::{Pass, Position};

/// Resources of a page at the most.
const PAGE: u64 = 200;
/// Groups of a page at the most, when their members are asked for.
const GROUPS: u64 = 20;

/// A page of the resources of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    resource_type: String,
    page: Page,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Page {
    /// None is the first.
    Cursor(Option<String>),
    /// From 1.
    Index(u64),
}

pub(super) struct ServerSource {
    client: SourceClient,
    pass: Pass,
    /// Those of the pass that are not done.
    types: VecDeque<Type>,
    walk: Walk,
    ready: VecDeque<Batch>,
    /// Resources of the types that are done.
    before: u64,
}

impl ServerSource {
    /// Asks a service what it has, and goes to where an import goes on.
    pub(super) async fn open(
        url: Url,
        flags: &ArgMatches,
        progress: &Progress,
    ) -> Result<Self, ImportError> {
        let client = SourceClient::open(url, flags).await?;
        let walk = Walk::new(client.first_page());
        let (ready, types) = (VecDeque::new(), VecDeque::new());
        let pass = progress.pass;
        let mut source = Self { client, pass, types, walk, ready, before: 0 };
        source.begin(pass);
        if progress.position == Position::End {
            source.types.clear();
        }
        if let Position::Page(place) = &progress.position {
            while source.types.front().is_some_and(|it| it.name != place.resource_type) {
                source.types.pop_front();
            }
            source.walk = Walk::new(place.page.clone());
        }
        Ok(source)
    }

    pub(super) fn begin(&mut self, pass: Pass) {
        let types = self.client.types.iter();
        self.types = types.filter(|it| pass == Pass::Resources || it.is_group).cloned().collect();
        self.walk = Walk::new(self.client.first_page());
        (self.pass, self.before) = (pass, 0);
    }

    pub(super) async fn next(&mut self) -> Result<Option<Batch>, ImportError> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            let Some(resource_type) = self.types.front().cloned() else { return Ok(None) };
            self.read(&resource_type).await?;
        }
    }

    /// Reads a page, and goes on to the next one, or to the next type.
    async fn read(&mut self, resource_type: &Type) -> Result<(), ImportError> {
        let here = self.walk.page.clone();
        let Some(list) = self.client.list(resource_type, &here, self.page_size()).await? else {
            // The cursor is too old: it begins with the first page again.
            self.walk = Walk::new(self.client.first_page());
            return Ok(());
        };
        let (total, before) = (list.total, self.before);
        let (fresh, step) = self.walk.take(list);
        let (done, name) = (self.before + self.walk.seen(), resource_type.name.clone());
        let (after, missing) = match step {
            Step::Page => (self.position(&name), 0),
            Step::Done { missing } => (self.next_type(), missing),
        };
        let missing = (missing > 0).then(|| {
            format!(
                "the source says that it has {total} {name} resources, and has not shown {missing} \
                 of them"
            )
        });
        let total = done.max(before + total);
        let mut batches = batches(self.lines(resource_type, fresh).await?);
        let lines = batches.pop().unwrap_or_default();
        let part = |lines| Batch { lines, after: None, done, total, missing: None };
        self.ready.extend(batches.into_iter().map(part));
        self.ready.push_back(Batch { lines, after: Some(after), done, total, missing });
        Ok(())
    }

    fn next_type(&mut self) -> Position {
        self.before += self.walk.seen();
        self.types.pop_front();
        self.walk = Walk::new(self.client.first_page());
        let next = self.types.front().map(|it| it.name.clone());
        next.map_or(Position::End, |next| self.position(&next))
    }

    /// Of groups with their members, fewer are read again where an import is interrupted.
    const fn page_size(&self) -> u64 {
        match self.pass {
            Pass::Resources => PAGE,
            Pass::Members => GROUPS,
        }
    }

    fn position(&self, resource_type: &str) -> Position {
        let (resource_type, page) = (resource_type.to_owned(), self.walk.page.clone());
        Position::Page(Place { resource_type, page })
    }

    async fn lines(
        &self,
        resource_type: &Type,
        resources: Vec<Value>,
    ) -> Result<Vec<String>, ImportError> {
        let name = Some(resource_type.name.as_str());
        if self.pass == Pass::Resources {
            return Ok(resources.into_iter().map(|it| resource_line(name, it)).collect());
        }
        let mut lines = Vec::new();
        for group in resources {
            let Some(id) = group.get("id").and_then(Value::as_str) else { continue };
            // One that has been deleted since has no members.
            if let Some(group) = self.client.get(resource_type, id).await? {
                lines.extend(member_lines(name, &group));
            }
        }
        Ok(lines)
    }
}

/// Lines in the portions in which they are sent.
fn batches(lines: Vec<String>) -> Vec<Vec<String>> {
    let mut batches: Vec<Vec<String>> = Vec::new();
    let mut room = (0, 0);
    for line in lines {
        if room.0 == 0 || room.1 < line.len() {
            batches.push(Vec::new());
            room = (LINES, BYTES);
        }
        room = (room.0 - 1, room.1.saturating_sub(line.len()));
        if let Some(batch) = batches.last_mut() {
            batch.push(line);
        }
    }
    batches
}
