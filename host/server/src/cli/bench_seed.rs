//! `tenon bench seed`: tenants full of people, the same for the same seed, to measure on.

mod people;
mod report;

use std::time::{Duration, Instant};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value};
use sqlx::{Connection, PgConnection};
use tenon_scim::path::AttributeRef;
use tenon_scim::schema::ResourceType;
use tenon_scim::{Dialect, Registry, index, resource};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::clock;
use crate::config::{self, Config};
use crate::serve::{self, ServeError};
use crate::store::load::{self, NewResource, Size};
use crate::store::place::Placement;
use crate::store::requests::Logged;
use crate::store::tenants::{self, NameTaken, Tenant};
use crate::store::{StoreError, TenantId};
use crate::tenant::indexes;
use people::People;
use report::Report;

/// Resources of one transaction, and members of one statement.
const BATCH: usize = 2_000;
const MEMBERS: usize = 20_000;

#[derive(Debug, thiserror::Error)]
pub(super) enum SeedError {
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    #[error(
        "there is a tenant \"{0}\" already, seeded whole or in part: remove it \
         (DELETE /admin/v1/tenants/{0}), or give other names with --name"
    )]
    Taken(String),
    #[error("--group-sizes: {0}")]
    GroupSizes(String),
    #[error("a core type is missing: {0}")]
    NoType(&'static str),
    #[error("making resources: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the report cannot be printed: {0}")]
    Print(std::io::Error),
}

/// The command with its flags: those of a server, and how much to write.
pub(super) fn command() -> Command {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("N")
            .value_parser(value_parser!(u64))
            .default_value(default)
            .help(help)
    };
    Command::new("seed")
        .about("Write tenants, users and groups straight into the database, by COPY")
        .long_about(
            "Write tenants, users and groups straight into the database, by COPY: the rows that \
             requests would leave, without their events (outbox, audit). Ends with VACUUM \
             (ANALYZE), which autovacuum would do in the middle of a measurement. A tenant that \
             exists is refused.",
        )
        .arg(number("tenants", "1", "Tenants, named NAME-1, NAME-2, …"))
        .arg(number("users", "10000", "Users of each tenant, of about 1.5 KB"))
        .arg(number("groups", "0", "Groups of each tenant with 20 to 80 members"))
        .arg(
            Arg::new("group-sizes")
                .long("group-sizes")
                .value_name("N,N,…")
                .value_delimiter(',')
                .value_parser(value_parser!(u64))
                .help("Further groups of each tenant, with so many members: \"Size N\""),
        )
        .arg(number("seed", "1", "Another number makes other people"))
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .default_value("bench")
                .help("What the tenants' names begin with"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print the report as JSON"),
        )
        .args(config::flags())
}

/// How much is written.
struct Plan {
    tenants: u64,
    users: u64,
    groups: u64,
    sizes: Vec<u64>,
    seed: u64,
    name: String,
}

impl Plan {
    fn of(flags: &ArgMatches) -> Result<Self, SeedError> {
        let number = |name: &str| flags.get_one(name).copied().unwrap_or(0);
        let users = number("users");
        let sizes: Vec<u64> =
            flags.get_many("group-sizes").into_iter().flatten().copied().collect();
        if let Some(size) = sizes.iter().find(|size| **size > users) {
            return Err(SeedError::GroupSizes(format!(
                "{size} members need as many users, and --users is {users}"
            )));
        }
        Ok(Self {
            tenants: number("tenants"),
            users,
            groups: number("groups"),
            sizes,
            seed: number("seed"),
            name: flags.get_one("name").cloned().unwrap_or_default(),
        })
    }
}

/// Writes everything, and prints what it took.
pub(super) async fn run(config: Config, flags: &ArgMatches) -> Result<(), SeedError> {
    let plan = Plan::of(flags)?;
    let database = serve::open_database(&config).await?;
    // Not one of the pool's: a statement of a server's is bounded to some seconds.
    let result = async {
        let mut conn = PgConnection::connect_with(&database.handle.connect_options()).await?;
        seed(&mut conn, &plan).await
    }
    .await;
    database.close().await;
    result?.print(flags.get_flag("json")).map_err(SeedError::Print)
}

async fn seed(conn: &mut PgConnection, plan: &Plan) -> Result<Report, SeedError> {
    let registry = Registry::core();
    let before = load::sizes(conn).await?;
    let mut report = Report::default();
    for number in 1..=plan.tenants {
        let name = format!("{}-{number}", plan.name);
        let tenant = create_tenant(conn, &name).await?;
        let seeding = Seeding { registry: &registry, tenant, people: People::of(plan.seed, &name) };
        report.users += plan.users;
        report.loading += seeding.users(conn, &name, plan.users).await?;
        report.members += seeding.groups(conn, &name, plan).await?;
        report.groups += plan.groups + plan.sizes.len() as u64;
    }
    load::settle(conn).await?;
    report.sizes = growth(before, load::sizes(conn).await?);
    Ok(report)
}

async fn create_tenant(conn: &mut PgConnection, name: &str) -> Result<TenantId, SeedError> {
    let now = clock::now();
    let tenant = Tenant {
        id: Uuid::now_v7(),
        name: name.to_owned(),
        external_key: None,
        dialect: Dialect::default(),
        // What is measured is not held back.
        limits: r#"{"requestsPerSecond":1000000}"#.to_owned(),
        request_log: Logged::default(),
        public_discovery: false,
        realm: None,
        placement: Placement::default(),
        database: None,
        suspended: None,
        created: now,
        modified: now,
    };
    let mut transaction = conn.begin().await?;
    tenants::insert(&mut transaction, &tenant)
        .await?
        .map_err(|NameTaken| SeedError::Taken(name.to_owned()))?;
    // What the loader writes is all that there is to index.
    indexes::insert_for_new_tenant(&mut transaction, tenant.tenant_id()).await?;
    transaction.commit().await?;
    Ok(tenant.tenant_id())
}

/// One tenant that is being filled.
struct Seeding<'a> {
    registry: &'a Registry,
    tenant: TenantId,
    people: People,
}

impl Seeding<'_> {
    /// Writes the users; how long it took. They are made by one thread while the database takes
    /// the batch before.
    async fn users(
        &self,
        conn: &mut PgConnection,
        name: &str,
        users: u64,
    ) -> Result<Duration, SeedError> {
        let user = self.registry.resource_type("User").ok_or(SeedError::NoType("User"))?.clone();
        let (people, started) = (self.people, Instant::now());
        let (made, mut batches) = mpsc::channel(2);
        let maker = tokio::task::spawn_blocking(move || -> Result<(), serde_json::Error> {
            let indexed: Vec<AttributeRef<'_>> = index::declared(&user).collect();
            let numbers: Vec<u64> = (0..users).collect();
            for numbers in numbers.chunks(BATCH) {
                let batch: Result<Vec<NewResource>, _> = numbers
                    .iter()
                    .map(|number| made_of(&user, &indexed, people, *number, people.user(*number)))
                    .collect();
                if made.blocking_send(batch?).is_err() {
                    break;
                }
            }
            Ok(())
        });
        let bar = progress(&format!("{name}: users"), users);
        while let Some(batch) = batches.recv().await {
            load::resources(conn, self.tenant, "User", &batch).await?;
            bar.inc(batch.len() as u64);
        }
        bar.finish();
        match maker.await {
            Ok(made) => made?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
        Ok(started.elapsed())
    }

    /// Writes the groups and their members; how many members there are.
    async fn groups(
        &self,
        conn: &mut PgConnection,
        name: &str,
        plan: &Plan,
    ) -> Result<u64, SeedError> {
        let group = self.registry.resource_type("Group").ok_or(SeedError::NoType("Group"))?;
        let indexed: Vec<AttributeRef<'_>> = index::declared(group).collect();
        let ordinary = (0..plan.groups)
            .map(|number| (format!("Group {number}"), self.people.some(number, plan.users)));
        let sized = plan.sizes.iter().map(|size| (format!("Size {size}"), (0..*size).collect()));
        let bar = progress(&format!("{name}: groups"), plan.groups + plan.sizes.len() as u64);
        let mut written = 0;
        for (place, (display, members)) in ordinary.chain(sized).enumerate() {
            // Groups come after the users.
            let number = plan.users + place as u64;
            let attributes = self.people.group(number, &display);
            let made = made_of(group, &indexed, self.people, number, attributes)?;
            load::resources(conn, self.tenant, "Group", std::slice::from_ref(&made)).await?;
            let members: Vec<Uuid> =
                members.into_iter().map(|number: u64| self.people.id(number)).collect();
            for members in members.chunks(MEMBERS) {
                load::members(conn, self.tenant, made.id, members).await?;
            }
            written += members.len() as u64;
            bar.inc(1);
        }
        bar.finish();
        Ok(written)
    }
}

/// The row of a resource, as a write would make it.
fn made_of(
    resource_type: &ResourceType,
    indexed: &[AttributeRef<'_>],
    people: People,
    number: u64,
    attributes: Map<String, Value>,
) -> Result<NewResource, serde_json::Error> {
    let search = index::search_document(resource_type, &attributes);
    Ok(NewResource {
        id: people.id(number),
        created: People::created(number),
        body: serde_json::to_string(&attributes)?,
        search: search.map(|it| serde_json::to_string(&it)).transpose()?,
        shape: resource_type.shape(),
        display: resource::display(&attributes).map(str::to_owned),
        unique: resource::unique_values(resource_type, &attributes),
        entries: index::entries(indexed, &attributes),
    })
}

/// On a terminal only; a log of a run has the report.
fn progress(what: &str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{msg:24} {wide_bar} {human_pos}/{human_len} {per_sec} {eta_precise}",
    );
    let bar = ProgressBar::new(length).with_message(what.to_owned());
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn growth(before: Vec<Size>, after: Vec<Size>) -> Vec<Size> {
    let bytes_before = |size: &Size| {
        let same = |it: &&Size| it.table == size.table && it.index == size.index;
        before.iter().find(same).map_or(0, |it| it.bytes)
    };
    after.into_iter().map(|size| Size { bytes: size.bytes - bytes_before(&size), ..size }).collect()
}
