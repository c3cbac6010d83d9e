//! What migrations do to data that is there already.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use super::*;
use crate::store::embedded::{self, EmbeddedSettings};

/// Two tenants as an older server left them: members are part of a group's body, and nobody has
/// looked whether they exist.
const BEFORE: &str = r#"
    INSERT INTO tenants (id, name, created, modified)
    SELECT lpad(n::text, 32, '0')::uuid, 'tenant ' || n, now(), now() FROM generate_series(1, 2) AS n;
    INSERT INTO resources (tenant_id, id, type, version, created, modified, body)
    SELECT lpad(tenant, 32, '0')::uuid, lpad(id, 32, '0')::uuid, type, 7, now(), now(), body
    FROM (VALUES
        ('1', 'a', 'User', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ada","displayName":"Ada"}'),
        ('1', 'b', 'User', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"bert","displayName":""}'),
        ('2', 'e', 'User', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"eve"}'),
        ('1', 'c', 'Badge', '{"schemas":["urn:example:2.0:Badge"],"members":["kept"]}'),
        ('1', 'f', 'Group', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"members":[
            {"value":"00000000-0000-0000-0000-00000000000a","type":"User"},
            {"value":"00000000-0000-0000-0000-00000000000a"},
            {"value":"00000000-0000-0000-0000-00000000000f"},
            {"value":"00000000-0000-0000-0000-00000000000c"},
            {"value":"00000000-0000-0000-0000-00000000000e"},
            {"value":"nobody"}, {"display":"no value"}],"externalId":"x","displayName":"G \u00e9"}'),
        ('1', 'd', 'Group', '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"' || repeat('é', 300) || '"}')
    ) AS stored (tenant, id, type, body)"#;

#[tokio::test]
async fn members_in_the_bodies_of_groups_become_rows() {
    let dir = tempfile::Builder::new().prefix("tenon-").tempdir().unwrap();
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let settings = EmbeddedSettings { data_dir: dir.path().join("d"), bin_dir: None };
    let embedded = embedded::start(settings).await.unwrap();
    let pool = PgPoolOptions::new().connect_with(embedded.connect_options()).await.unwrap();
    let mut conn = pool.acquire().await.unwrap();
    run(&up_to(4), &mut conn).await.unwrap();
    conn.execute(BEFORE).await.unwrap();
    migrate(&mut conn).await.unwrap();
    drop(conn);

    let id = |last: u8| Uuid::from_u128(last.into());
    let members: Vec<(Uuid, Uuid, Uuid)> =
        sqlx::query_as("SELECT tenant_id, group_id, member_id FROM group_members ORDER BY 3")
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(members, [(id(1), id(0xf), id(0xa)), (id(1), id(0xf), id(0xf))]);
    let resources: Vec<(Uuid, i64, Option<String>, String)> =
        sqlx::query_as("SELECT id, version, display, body FROM resources ORDER BY id")
            .fetch_all(&pool)
            .await
            .unwrap();
    let named: Vec<_> = resources.iter().map(|it| (it.0, it.1, it.2.as_deref())).collect();
    let long = "é".repeat(256);
    let expected = [
        (id(0xa), 7, Some("Ada")),
        (id(0xb), 7, None),
        (id(0xc), 7, None),
        (id(0xd), 7, Some(long.as_str())),
        (id(0xe), 7, None),
        (id(0xf), 8, Some("G é")),
    ];
    assert_eq!(named, expected);
    let body =
        |place: usize| serde_json::from_str::<serde_json::Value>(&resources[place].3).unwrap();
    assert_eq!(
        body(5).to_string(),
        r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"x","displayName":"G é"}"#
    );
    assert_eq!(body(2)["members"], serde_json::json!(["kept"]));
    pool.close().await;
    embedded.stop().await.unwrap();
}
