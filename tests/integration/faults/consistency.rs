//! What has to hold in the database whatever has happened to the servers: nothing is half written.

use sqlx::{Connection, PgConnection};

/// What would be wrong, and the statement that counts it.
const RULES: [(&str, &str); 9] = [
    (
        "users without their name among the unique values",
        "SELECT count(*) FROM resources AS r WHERE type = 'User' AND NOT EXISTS (
             SELECT FROM unique_values AS u
             WHERE u.tenant_id = r.tenant_id AND u.type = r.type AND u.id = r.id
               AND u.attr = 'userName' AND u.val = lower(r.body::json ->> 'userName'))",
    ),
    (
        "unique values of no resource",
        "SELECT count(*) FROM unique_values AS u WHERE NOT EXISTS (
             SELECT FROM resources AS r WHERE r.tenant_id = u.tenant_id AND r.id = u.id)",
    ),
    (
        "unique values of a user but the name",
        "SELECT count(*) FROM unique_values WHERE type = 'User' AND attr <> 'userName'",
    ),
    (
        "memberships of or in nothing",
        "SELECT count(*) FROM group_members AS m WHERE
             NOT EXISTS (SELECT FROM resources AS r
                         WHERE r.tenant_id = m.tenant_id AND r.id = m.group_id)
          OR NOT EXISTS (SELECT FROM resources AS r
                         WHERE r.tenant_id = m.tenant_id AND r.id = m.member_id)",
    ),
    (
        "counts that differ from what is there",
        "SELECT count(*) FROM counters AS c WHERE n <> (
             SELECT count(*) FROM resources AS r
             WHERE r.tenant_id = c.tenant_id AND r.type = c.type)",
    ),
    (
        "index entries of no resource",
        "SELECT count(*) FROM attr_index AS i WHERE NOT EXISTS (
             SELECT FROM resources AS r WHERE r.tenant_id = i.tenant_id AND r.id = i.id)",
    ),
    (
        "index entries that are missing or of an older version",
        "SELECT count(*) FROM resources AS r
         WHERE type = 'User'
           AND EXISTS (SELECT FROM attr_index AS i WHERE i.tenant_id = r.tenant_id
                       AND i.type = r.type AND i.attr = 'name.familyName')
           AND ARRAY(SELECT val::text FROM attr_index AS i WHERE i.tenant_id = r.tenant_id
                     AND i.type = r.type AND i.attr = 'name.familyName' AND i.id = r.id)
               <> ARRAY[lower(r.body::json -> 'name' ->> 'familyName')]",
    ),
    (
        "users whose last event is of another version",
        "SELECT count(*) FROM (
             SELECT tenant_id, resource_id, max(version) AS version FROM outbox
             WHERE operation <> 'delete' GROUP BY tenant_id, resource_id) AS o
         JOIN resources AS r ON r.tenant_id = o.tenant_id AND r.id = o.resource_id
         WHERE r.type = 'User' AND r.version <> o.version",
    ),
    (
        "users whose last record in the audit is of another version",
        "SELECT count(*) FROM (
             SELECT tenant_id, resource_id, max(version_after) AS version FROM audit
             WHERE version_after IS NOT NULL GROUP BY tenant_id, resource_id) AS a
         JOIN resources AS r ON r.tenant_id = a.tenant_id AND r.id = a.resource_id
         WHERE r.type = 'User' AND r.version <> a.version",
    ),
];

/// Asserts all of it.
pub(crate) async fn check(database_url: &str) {
    let mut connection = PgConnection::connect(database_url).await.unwrap();
    for (wrong, count) in RULES {
        let found: i64 = sqlx::query_scalar(count).fetch_one(&mut connection).await.unwrap();
        assert_eq!(found, 0, "{wrong}");
    }
    connection.close().await.unwrap();
}
