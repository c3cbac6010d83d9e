//! Clients that write and read all the time, and remember what the server has acknowledged.

use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{Answer, Tenant, patch, user};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Clients that are at work until they are told to stop.
pub(crate) struct Load {
    clients: JoinSet<Vec<Known>>,
    stop: watch::Sender<bool>,
    counts: watch::Receiver<Counts>,
}

/// What the server has answered so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Writes that were acknowledged.
    pub(crate) written: u64,
    /// Requests that were refused for a while.
    pub(crate) refused: u64,
}

/// A user as its client knows it.
#[derive(Debug)]
pub(crate) struct Known {
    id: String,
    /// The last that was acknowledged.
    version: u64,
    nick_name: String,
    /// What was sent since, and may have been done.
    perhaps: Vec<String>,
    deletion: Deletion,
}

#[derive(Debug, PartialEq)]
enum Deletion {
    None,
    Perhaps,
    Done,
}

struct Client {
    tenant: Tenant,
    name: String,
    stop: watch::Receiver<bool>,
    counts: watch::Sender<Counts>,
}

/// The server is gone, or its clients are told to stop.
struct Over;

impl Load {
    /// Starts clients whose users have names with this prefix.
    pub(crate) fn start(tenant: &Tenant, clients: usize, prefix: &str) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (counted, counts) = watch::channel(Counts::default());
        let client = |number| Client {
            tenant: tenant.clone(),
            name: format!("{prefix}-{number}"),
            stop: stopped.clone(),
            counts: counted.clone(),
        };
        let clients = (0..clients).map(|number| client(number).work()).collect();
        Self { clients, stop, counts }
    }

    /// Waits until the answers are such; clients that find none left to ask end it too.
    pub(crate) async fn until(&mut self, enough: impl FnMut(&Counts) -> bool) {
        let _ = self.counts.wait_for(enough).await;
    }

    /// What has been answered so far.
    pub(crate) fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Tells the clients to stop; what they know.
    pub(crate) async fn end(self) -> Vec<Known> {
        let _ = self.stop.send(true);
        self.clients.join_all().await.into_iter().flatten().collect()
    }
}

impl Client {
    async fn work(self) -> Vec<Known> {
        let mut all = Vec::new();
        let mut number = 0_u32;
        while self.one_user(number, &mut all).await.is_ok() {
            number += 1;
        }
        all
    }

    /// Creates a user, changes and reads it, puts it into a group; every fourth is deleted.
    async fn one_user(&self, number: u32, all: &mut Vec<Known>) -> Result<(), Over> {
        let mut person = user(&format!("{}-{number}", self.name));
        person["nickName"] = json!("0");
        person["name"] = json!({ "familyName": format!("Family {}", self.name) });
        person["emails"] = json!([{ "value": format!("{number}@example.com"), "type": "work" }]);
        let Some(created) = self.ask(Method::POST, "/Users", person, 201).await? else {
            return Ok(());
        };
        let id = created.body["id"].as_str().unwrap().to_owned();
        all.push(Known {
            id: id.clone(),
            version: 1,
            nick_name: "0".to_owned(),
            perhaps: Vec::new(),
            deletion: Deletion::None,
        });
        let known = all.last_mut().unwrap();
        for change in 1..=3 {
            self.change(known, &change.to_string()).await?;
            self.read(known).await?;
        }
        let group = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": "Team",
            "members": [{ "value": id }]
        });
        self.ask(Method::POST, "/Groups", group, 201).await?;
        if number % 4 == 3 {
            known.deletion = Deletion::Perhaps;
            let path = format!("/Users/{id}");
            if self.ask(Method::DELETE, &path, Value::Null, 204).await?.is_some() {
                known.deletion = Deletion::Done;
            }
        }
        Ok(())
    }

    async fn change(&self, known: &mut Known, nick_name: &str) -> Result<(), Over> {
        let family = format!("Family {nick_name}");
        let change = patch(json!([
            { "op": "replace", "path": "nickName", "value": nick_name },
            { "op": "replace", "path": "name.familyName", "value": family }
        ]));
        known.perhaps.push(nick_name.to_owned());
        let path = format!("/Users/{}", known.id);
        if let Some(changed) = self.ask(Method::PATCH, &path, change, 200).await? {
            let version = version(&changed);
            let most = known.version + known.perhaps.len() as u64;
            assert!(known.version < version && version <= most, "{version} after {known:?}");
            known.version = version;
            known.nick_name = nick_name.to_owned();
            known.perhaps.clear();
        }
        Ok(())
    }

    async fn read(&self, known: &Known) -> Result<(), Over> {
        let path = format!("/Users/{}", known.id);
        if let Some(read) = self.ask(Method::GET, &path, Value::Null, 200).await? {
            known.assert_is(&read);
        }
        Ok(())
    }

    /// The answer, which has this status; `None` where the server asks for patience.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Value,
        status: u16,
    ) -> Result<Option<Answer>, Over> {
        if *self.stop.borrow() {
            return Err(Over);
        }
        let writes = method != Method::GET;
        let answer = self.tenant.scim.attempt(method, path, &body).await.ok_or(Over)?;
        if answer.status == 503 {
            assert_eq!(answer.header("retry-after"), "1", "{:#}", answer.body);
            assert_eq!(answer.body["status"], "503");
            self.counts.send_modify(|counts| counts.refused += 1);
            return Ok(None);
        }
        if writes {
            self.counts.send_modify(|counts| counts.written += 1);
        }
        Ok(Some(answer.expect(status)))
    }
}

impl Known {
    /// Asserts that the server still has it as it was acknowledged, or as was sent since.
    pub(crate) async fn check(&self, tenant: &Tenant) {
        let answer = tenant.scim.get(&format!("/Users/{}", self.id)).await;
        match self.deletion {
            Deletion::Done => drop(answer.expect(404)),
            Deletion::Perhaps if answer.status == 404 => {}
            _ => self.assert_is(&answer.expect(200)),
        }
    }

    fn assert_is(&self, read: &Answer) {
        let (version, nick_name) = (version(read), read.body["nickName"].as_str().unwrap());
        if version == self.version {
            assert_eq!(nick_name, self.nick_name, "{self:?}");
            return;
        }
        assert!(version > self.version, "{version} is older than {self:?}");
        assert!(
            self.perhaps.iter().any(|it| it == nick_name),
            "{nick_name} was not sent: {self:?}"
        );
    }
}

/// The number in an entity tag, `W/"7"`.
fn version(answer: &Answer) -> u64 {
    let etag = answer.body["meta"]["version"].as_str().unwrap();
    etag.trim_start_matches("W/").trim_matches('"').parse().unwrap()
}
