//! The database may be any that speaks PostgreSQL's language: PostgreSQL itself, or one that is
//! distributed. What Citus, YugabyteDB or CockroachDB lack, or do in another way, is not used; the
//! few things that only make PostgreSQL faster are named here. `docs/scale.md` says what else there
//! is to know about each.

use std::path::{Path, PathBuf};

use sqlx::PgPool;

use super::scratch::Scratch;

/// What no statement has, and why.
const REFUSED: [(&str, &str); 49] = [
    ("exclude using", "exclusion constraints: neither YugabyteDB (#3944) nor CockroachDB"),
    ("create trigger", "not on distributed tables of Citus; of CockroachDB since 24.3 alone"),
    ("create rule", "Citus has no rule system for distributed tables, CockroachDB none at all"),
    ("create function", "code in the database is one more thing to bring to every node"),
    ("create procedure", "code in the database is one more thing to bring to every node"),
    ("do $$", "blocks of PL/pgSQL are not run on the shards of Citus"),
    ("plpgsql", "dialects of it differ"),
    ("deferrable", "neither YugabyteDB (#1709) nor CockroachDB"),
    ("unlogged", "lost in a crash; CockroachDB and YugabyteDB write it as any other"),
    ("inherits", "neither YugabyteDB (#5956) nor CockroachDB"),
    ("serial", "a sequence is one place that every node asks; ids are UUIDs of the server's"),
    ("bigserial", "as serial"),
    ("create sequence", "as serial"),
    ("nextval", "as serial"),
    ("as identity", "as serial"),
    ("using gin", "no btree: an accelerator at the most, and then a named one"),
    ("using gist", "not in YugabyteDB (#1337); means something else in CockroachDB"),
    ("using brin", "in PostgreSQL alone"),
    ("using hash", "another thing in every engine"),
    ("using spgist", "in PostgreSQL alone"),
    ("create extension", "what is not there everywhere is an accelerator, and named"),
    ("listen", "not in CockroachDB, in YugabyteDB since 2025.2; not through a pooler"),
    ("notify", "as listen; and one lock for every commit"),
    ("pg_notify", "as notify"),
    ("pg_advisory_lock", "does nothing in CockroachDB; new in YugabyteDB (#3642)"),
    ("pg_try_advisory_lock", "as pg_advisory_lock"),
    ("pg_advisory_xact_lock", "as pg_advisory_lock"),
    ("pg_try_advisory_xact_lock", "as pg_advisory_lock"),
    ("lock table", "not in CockroachDB; not in YugabyteDB (#5384) by default"),
    ("ctid", "a place on a page: there are none in CockroachDB and YugabyteDB"),
    ("xmin", "as ctid"),
    ("create temp", "belongs to a session, of which a pooler gives another each time"),
    ("create temporary", "as create temp"),
    ("cursor for", "as create temp"),
    ("merge into", "neither in CockroachDB nor in YugabyteDB on PostgreSQL 11"),
    ("generated always as", "not in YugabyteDB (#10695)"),
    ("tablesample", "in Citus within one shard alone, not in CockroachDB"),
    ("jsonb_path_exists", "CockroachDB has jsonpath since 25.2 alone, and not all of it"),
    ("jsonb_path_query", "as jsonb_path_exists"),
    ("create type", "types of our own have to be on every node before what uses them"),
    ("create domain", "as create type; not in CockroachDB"),
    ("citext", "an extension, and not leakproof"),
    ("gen_random_uuid", "volatile, which Citus refuses in an UPDATE; ids are the server's"),
    ("random", "as gen_random_uuid"),
    ("ilike", "folds letters as the locale of the database does; the server folds them"),
    ("vacuum", "not in CockroachDB"),
    ("create role", "roles are the whole server's; not every database's user may make them"),
    ("create policy", "not in CockroachDB before 25.2; on tables of Citus in its own way"),
    ("row level security", "as create policy"),
];

/// What is refused and yet there: a part of the file's path, the phrase, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("store/load.rs", "vacuum", "`tenon bench seed` alone, at its end"),
    ("store/migrations.rs", "pg_advisory_xact_lock", "turns of migrations; see `docs/scale.md`"),
    ("store/notices.rs", "pg_notify", "an accelerator; who is not told asks each second"),
    ("store/substrings.rs", "create extension", "an accelerator, on where an operator says so"),
    ("store/substrings.rs", "using gin", "as create extension"),
    ("store/row_security.rs", "create role", "a second lock, on where an operator says so"),
    ("store/row_security.rs", "create policy", "as create role"),
    ("store/row_security.rs", "row level security", "as create role"),
];

/// Indexes that do not begin with the tenant, and why they need not.
const OF_NO_TENANT: [(&str, &str); 20] = [
    ("tenants_pkey", "the id is the tenant's"),
    ("tenants_name_key", "few rows; a reference table"),
    ("tenants_external_key", "few rows; a reference table"),
    ("tenants_in_removal", "few rows at any time, of tenants that were deleted"),
    ("realms_pkey", "few rows; a reference table"),
    ("realms_name_key", "few rows; a reference table"),
    ("realm_resolvers_pkey", "few rows; a reference table"),
    ("entry_points_pkey", "few rows; a reference table"),
    ("entry_points_by_realm", "few rows; a reference table"),
    ("operator_issuers_pkey", "few rows; a reference table"),
    ("issuers_anywhere", "few rows, of issuers that the operator has marked"),
    ("shares_by_parent", "few rows, of tenants with a parent"),
    ("admin_token_pkey", "one row"),
    ("components_pkey", "one row for each build of a plugin; a reference table"),
    ("plugin_versions_by_digest", "few rows"),
    ("plugin_impacts_running", "few rows at any time, of versions that are tried"),
    ("server_keys_pkey", "one row for each purpose"),
    ("config_epoch_pkey", "one row"),
    ("index_builds_unfinished", "few rows at any time, of what is being built"),
    ("idempotency_keys_by_age", "kept for a day, and looked at by the housekeeping alone"),
];

#[test]
fn no_statement_needs_what_a_distributed_database_lacks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    let mut found = Vec::new();
    for file in files_below(&root.join("../../migrations")) {
        let text = std::fs::read_to_string(&file).unwrap();
        seen += 1;
        found.extend(refused_in(&file, &without_sql_comments(&text)));
    }
    for file in files_below(&root.join("src/store")).iter().filter(|file| is_checked(file)) {
        let text = std::fs::read_to_string(file).unwrap();
        for literal in literals(&text) {
            seen += usize::from(literal.contains("SELECT ") || literal.contains("INSERT "));
            found.extend(refused_in(file, &literal));
        }
    }
    assert_eq!(found, Vec::<String>::new());
    assert!(seen > 30, "only {seen} statements were found");
}

/// `embedded` speaks to a PostgreSQL of our own.
fn is_checked(file: &Path) -> bool {
    let path = file.to_string_lossy();
    !path.contains("/embedded/")
        && !path.ends_with("tests.rs")
        && !path.ends_with("store/portability.rs")
}

fn refused_in(file: &Path, sql: &str) -> Vec<String> {
    let path = file.to_string_lossy();
    let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let is_exception = |phrase: &str| {
        EXCEPTIONS.iter().any(|(place, named, _)| *named == phrase && path.contains(place))
    };
    let mut found: Vec<String> = REFUSED
        .iter()
        .filter(|(phrase, _)| has_words(&sql, phrase) && !is_exception(phrase))
        .map(|(phrase, why)| format!("{path}: {phrase} ({why})"))
        .collect();
    for collation in sql.split("collate ").skip(1) {
        if !collation.starts_with("\"c\"") && !collation.starts_with("\\\"c\\\"") {
            found.push(format!("{path}: a collation other than \"C\""));
        }
    }
    found
}

/// Whether the words are there, and not as parts of others.
fn has_words(sql: &str, words: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    sql.match_indices(words).any(|(start, _)| {
        let before = sql[..start].chars().next_back();
        let after = sql[start + words.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[test]
fn words_are_found_as_words() {
    assert!(has_words("create unlogged table", "unlogged") && has_words("random()", "random"));
    assert!(!has_words("randomness", "random") && !has_words("my_serial", "serial"));
    let refused = |file, sql| refused_in(Path::new(file), sql).len();
    assert_eq!(
        refused("store/a.rs", "LOCK\n TABLE a; SELECT a COLLATE \"de\", b COLLATE \"C\""),
        2
    );
    assert_eq!((refused("store/a.rs", "VACUUM a"), refused("store/load.rs", "VACUUM a")), (1, 0));
}

fn without_sql_comments(text: &str) -> String {
    text.lines().map(|line| line.split("--").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// The string literals of Rust code, without those of its tests.
fn literals(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let mut literals = Vec::new();
    let mut rest = code;
    while let Some(place) = rest.find(['"', '/', '\'']) {
        let (before, at) = rest.split_at(place);
        rest = if at.starts_with("//") {
            at.split_once('\n').map_or("", |(_, rest)| rest)
        } else if let Some(after) = at.strip_prefix("'\"'") {
            after
        } else if let Some(inside) = at.strip_prefix('"') {
            let hashes = before.len() - before.trim_end_matches('#').len();
            let is_raw = before.trim_end_matches('#').ends_with('r');
            let end = if is_raw { raw_end(inside, hashes) } else { plain_end(inside) };
            literals.push(at[1..=end].replace("\\\n", " "));
            at.get(end + 2..).unwrap_or("")
        } else {
            &at[1..]
        };
    }
    literals
}

fn raw_end(text: &str, hashes: usize) -> usize {
    text.find(&format!("\"{}", "#".repeat(hashes))).unwrap_or(text.len() - 1)
}

fn plain_end(text: &str) -> usize {
    let mut escaped = false;
    for (place, c) in text.char_indices() {
        match c {
            '"' if !escaped => return place,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len() - 1
}

#[test]
fn literals_are_found_in_code_and_not_in_comments() {
    let code = "let a = \"SELECT \\\"x\\\" \\\n  1\"; // \"no\"\nlet b = r#\"raw \"2\"\"#; let c = '\"';\
                f(\"3\")\n#[cfg(test)]\nmod tests { \"4\" }";
    assert_eq!(literals(code), ["SELECT \\\"x\\\"    1", "raw \"2\"", "3"]);
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

#[tokio::test]
async fn the_schema_can_be_sharded_by_the_tenant() {
    let database = Scratch::start().await;
    every_index_is_a_btree_that_begins_with_the_tenant(&database.pool).await;
    every_reference_stays_within_a_tenant(&database.pool).await;
    indexed_text_has_the_collation_c(&database.pool).await;
    database.stop().await;
}

#[derive(Debug, sqlx::FromRow)]
struct Index {
    table: String,
    name: String,
    method: String,
    first: String,
}

async fn every_index_is_a_btree_that_begins_with_the_tenant(pool: &PgPool) {
    let indexes: Vec<Index> = sqlx::query_as(
        "SELECT t.relname::text AS \"table\", i.relname::text AS name, m.amname::text AS method,
                a.attname::text AS first
         FROM pg_index AS x
         JOIN pg_class AS i ON i.oid = x.indexrelid
         JOIN pg_class AS t ON t.oid = x.indrelid
         JOIN pg_am AS m ON m.oid = i.relam
         JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
         WHERE t.relnamespace = 'public'::regnamespace AND t.relname <> '_sqlx_migrations'",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    let tables_without: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
         AND relkind = 'r' AND NOT EXISTS
            (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary)",
    )
    .fetch_all(pool)
    .await
    .unwrap();

    assert_eq!(tables_without, Vec::<String>::new(), "without a primary key");
    for index in &indexes {
        let is_named = OF_NO_TENANT.iter().any(|(name, _)| *name == index.name);
        assert!(index.method == "btree", "{index:?}");
        assert!(index.first == "tenant_id" || is_named, "{index:?}");
    }
    for (name, _) in OF_NO_TENANT {
        assert!(indexes.iter().any(|index| index.name == name), "there is no index {name}");
    }
    assert!(indexes.iter().any(|index| index.table == "attr_index"));
}

/// Citus joins and checks within a shard; so a reference from one sharded table to another has the
/// tenant on both sides.
async fn every_reference_stays_within_a_tenant(pool: &PgPool) {
    let references: Vec<(String, String, Vec<String>)> = sqlx::query_as(
        "SELECT c.conname::text, c.confrelid::regclass::text, array_agg(a.attname::text)
         FROM pg_constraint AS c
         JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
         WHERE c.contype = 'f' GROUP BY c.oid, c.conname, c.confrelid",
    )
    .fetch_all(pool)
    .await
    .unwrap();

    assert!(!references.is_empty());
    for (name, to, columns) in references {
        let within = columns.iter().any(|column| column == "tenant_id");
        assert!(within || to == "components", "{name} leads to {to} by {columns:?}");
    }
}

/// Another collation orders text as the locale of a machine does, and changes with it.
async fn indexed_text_has_the_collation_c(pool: &PgPool) {
    let others: Vec<(String, String)> = sqlx::query_as(
        "SELECT i.relname::text, l.collname::text
         FROM pg_index AS x
         JOIN pg_class AS i ON i.oid = x.indexrelid
         JOIN pg_class AS t ON t.oid = x.indrelid
         CROSS JOIN LATERAL unnest(x.indcollation::oid[]) AS used (id)
         JOIN pg_collation AS l ON l.oid = used.id
         WHERE t.relnamespace = 'public'::regnamespace AND l.collname <> 'C'",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    assert_eq!(others, Vec::<(String, String)>::new());
}
