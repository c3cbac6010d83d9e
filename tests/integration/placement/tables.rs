//! The tables of a schema, held against those that tenants share.

use sqlx::{Executor, PgConnection};
use tenon_tests::{Options, Postgres, Server};

use super::{TABLES, schema, two_servers, work};

/// What the catalog says of the tables, without the name of the schema.
async fn described(conn: &mut PgConnection, schema: &str) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT replace(line, $1 || '.', '') FROM (
             SELECT format('%s %s %s %s %s', table_name, column_name, data_type, is_nullable,
                           column_default) AS line
             FROM information_schema.columns WHERE table_schema = $1 AND table_name = ANY ($2)
             UNION ALL
             SELECT indexdef FROM pg_indexes WHERE schemaname = $1 AND tablename = ANY ($2)
             UNION ALL
             SELECT format('%s %s %s', t.relname, k.conname, pg_get_constraintdef(k.oid))
             FROM pg_constraint AS k JOIN pg_class AS t ON t.oid = k.conrelid
             WHERE k.connamespace = $1::regnamespace AND t.relname = ANY ($2)
               AND k.contype <> 'f'
             UNION ALL
             SELECT format('%s %s %s', t.relname, a.attname, c.collname)
             FROM pg_class AS t JOIN pg_attribute AS a ON a.attrelid = t.oid
             JOIN pg_collation AS c ON c.oid = a.attcollation
             WHERE t.relnamespace = $1::regnamespace AND t.relkind = 'r' AND t.relname = ANY ($2)
               AND a.attnum > 0 AND NOT a.attisdropped
             UNION ALL
             SELECT format('%s %s', relname, reloptions) FROM pg_class
             WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND relname = ANY ($2)
         ) AS described ORDER BY 1",
    )
    .bind(schema)
    .bind(TABLES)
    .fetch_all(conn)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_schema_has_the_tables_that_tenants_share_and_follows_what_is_added_to_them() {
    let postgres = Postgres::start(&[]);
    let (one, two, mut conn) = two_servers(&postgres).await;
    let acme = one.tenant_in("schema", "acme").await;
    drop((one, two));
    let shared = described(&mut conn, "public").await;
    assert!(shared.len() > 100, "{shared:#?}");
    assert_eq!(described(&mut conn, &schema(&acme)).await, shared);

    // As a migration adds to them.
    conn.execute(
        "ALTER TABLE resources ADD COLUMN colour text COLLATE \"C\" NOT NULL DEFAULT 'red';
         ALTER TABLE resources ADD CONSTRAINT resources_colour CHECK (colour <> '');
         CREATE INDEX resources_by_colour ON resources (tenant_id, colour);",
    )
    .await
    .unwrap();
    let one = Server::start(Options::on(&postgres.url()));
    let two = Server::start(Options::on(&postgres.url()));
    let shared = described(&mut conn, "public").await;
    assert!(shared.iter().any(|it| it.contains("resources_by_colour")));
    assert_eq!(described(&mut conn, &schema(&acme)).await, shared);
    let here = acme.at_server(&one);
    work(&here, &here.moved(&one, &two)).await;
}
