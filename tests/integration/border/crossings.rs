//! Every route, with requests that name what another tenant has. Each is asked twice: once with what
//! the other tenant has, once with what nobody has, and the answers have to be the same.
//!
//! `<user>` and the like stand for what the other tenant has, `<own-user>` for the asker's; `world`
//! says what there is. A route that can name nothing of another's has one request without these.

/// A request of a tenant's administrator at the own tenant.
#[derive(Debug)]
pub struct Crossing {
    pub method: &'static str,
    /// As the server's description of itself has it, below the base of its table.
    pub route: &'static str,
    /// What is asked for, with a query where there is one.
    pub asks: &'static str,
    /// JSON; nothing where it is empty.
    pub body: &'static str,
    /// That of the answer.
    pub status: u16,
}

const fn row(
    method: &'static str,
    route: &'static str,
    asks: &'static str,
    body: &'static str,
    status: u16,
) -> Crossing {
    Crossing { method, route, asks, body, status }
}

/// Below what routes are, and what each can name.
pub const TABLES: [(&str, &[Crossing]); 3] =
    [("/admin/v1", SERVER), ("/admin/v1/tenants/{tenant}", TENANT), (SCIM_BASE, SCIM)];
pub const SCIM_BASE: &str = "/tenants/{tenant}/scim/v2";

macro_rules! user {
    ($rest:literal) => {
        concat!(r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"#, $rest, "}")
    };
}

macro_rules! managed {
    ($name:literal) => {
        concat!(
            r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","#,
            r#""urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":""#,
            $name,
            r#"","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":"#,
            r#"{"manager":{"value":"<user>"}}}"#
        )
    };
}

macro_rules! group {
    ($member:literal) => {
        concat!(
            r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"#,
            r#""displayName":"group","members":[{"value":""#,
            $member,
            r#""}]}"#
        )
    };
}

macro_rules! patch {
    ($operation:literal) => {
        concat!(
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":["#,
            $operation,
            "]}"
        )
    };
}

macro_rules! bulk {
    ($operation:expr) => {
        concat!(
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":["#,
            $operation,
            "]}"
        )
    };
}

macro_rules! search {
    ($rest:literal) => {
        concat!(
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"#,
            $rest,
            "}"
        )
    };
}

const ADD_TITLE: &str = patch!(r#"{"op":"add","path":"title","value":"mine"}"#);
const ADD_MEMBER: &str = patch!(r#"{"op":"add","path":"members","value":[{"value":"<user>"}]}"#);
const REMOVE_MEMBER: &str = patch!(r#"{"op":"remove","path":"members[value eq \"<user>\"]"}"#);

/// The service of a tenant.
#[rustfmt::skip]
const SCIM: &[Crossing] = &[
    row("get", "/{endpoint}", "/Users?filter=urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"<user>\"", "", 200),
    row("get", "/ServiceProviderConfig", "/ServiceProviderConfig", "", 200),
    row("get", "/ResourceTypes", "/ResourceTypes", "", 200),
    row("get", "/ResourceTypes/{name}", "/ResourceTypes/<type>", "", 404),
    row("get", "/Schemas", "/Schemas", "", 200),
    row("get", "/Schemas/{id}", "/Schemas/<schema>", "", 404),
    row("get", "/Me", "/Me", "", 200),
    row("put", "/Me", "/Me", managed!("me"), 200),
    row("patch", "/Me", "/Me", ADD_TITLE, 200),
    row("post", "/Me", "/Me", user!(r#""userName":"me""#), 501),
    row("post", "/Bulk", "/Bulk", bulk!(r#"{"method":"DELETE","path":"/Users/<user>"}"#), 200),
    row("post", "/Bulk", "/Bulk", bulk!(r#"{"method":"DELETE","path":"/<endpoint>/<badge>"}"#), 200),
    row("post", "/Bulk", "/Bulk", bulk!(concat!(r#"{"method":"PUT","path":"/Users/<user>","data":"#, user!(r#""userName":"mine""#), "}")), 200),
    row("post", "/Bulk", "/Bulk", bulk!(concat!(r#"{"method":"PATCH","path":"/Users/<user>","data":"#, patch!(r#"{"op":"add","path":"title","value":"mine"}"#), "}")), 200),
    row("post", "/Bulk", "/Bulk", bulk!(concat!(r#"{"method":"PATCH","path":"/Groups/<own-group>","data":"#, patch!(r#"{"op":"add","path":"members","value":[{"value":"<user>"}]}"#), "}")), 200),
    row("post", "/Bulk", "/Bulk", bulk!(concat!(r#"{"method":"POST","path":"/Groups","bulkId":"g","data":"#, group!("<user>"), "}")), 200),
    row("post", "/Bulk", "/Bulk", bulk!(concat!(r#"{"method":"POST","path":"/Groups","bulkId":"g","data":"#, group!("bulkId:<user>"), "}")), 200),
    row("post", "/Bulk", "/Bulk", bulk!(concat!(r#"{"method":"POST","path":"/Users","bulkId":"u","data":"#, managed!("bulk-<user>"), "}")), 200),
    row("get", "/", "/?filter=id eq \"<user>\"", "", 200),
    row("get", "/", "/?cursor=<cursor>&count=1", "", 400),
    row("post", "/.search", "/.search", search!(r#""filter":"id eq \"<user>\"""#), 200),
    row("post", "/.search", "/.search", search!(r#""cursor":"<cursor>""#), 400),
    row("post", "/{endpoint}/.search", "/Users/.search", search!(r#""filter":"userName eq \"<user-name>\"""#), 200),
    row("post", "/{endpoint}/.search", "/Users/.search", search!(r#""cursor":"<cursor>","count":1"#), 400),
    row("post", "/{endpoint}/.search", "/<endpoint>/.search", search!(r#""count":1"#), 404),
    row("get", "/{endpoint}", "/<endpoint>", "", 404),
    row("get", "/{endpoint}", "/Users?filter=id eq \"<user>\"", "", 200),
    row("get", "/{endpoint}", "/Users?filter=userName sw \"<user-name>\"", "", 200),
    row("get", "/{endpoint}", "/Users?filter=groups.value eq \"<group>\"", "", 200),
    row("get", "/{endpoint}", "/Groups?filter=members.value eq \"<user>\"", "", 200),
    row("get", "/{endpoint}", "/Users?filter=<schema>:number pr", "", 400),
    row("get", "/{endpoint}", "/Users?sortBy=<schema>:number", "", 400),
    row("get", "/{endpoint}", "/Users?sortBy=<attribute>&attributes=<attribute>", "", 200),
    row("get", "/{endpoint}", "/Users?cursor=<cursor>&count=1", "", 400),
    row("post", "/{endpoint}", "/Users", user!(r#""userName":"<user-name>""#), 201),
    row("post", "/{endpoint}", "/Users", managed!("managed-<user>"), 201),
    row("post", "/{endpoint}", "/Users", r#"{"schemas":["<schema>"],"userName":"other"}"#, 400),
    row("post", "/{endpoint}", "/Groups", group!("<user>"), 400),
    row("post", "/{endpoint}", "/Groups", group!("<group>"), 400),
    row("post", "/{endpoint}", "/<endpoint>", r#"{"schemas":["<schema>"],"number":"1"}"#, 404),
    row("get", "/{endpoint}/{id}", "/Users/<user>", "", 404),
    row("get", "/{endpoint}/{id}", "/Groups/<group>", "", 404),
    row("get", "/{endpoint}/{id}", "/<endpoint>/<badge>", "", 404),
    row("put", "/{endpoint}/{id}", "/Users/<user>", user!(r#""userName":"mine""#), 404),
    row("put", "/{endpoint}/{id}", "/Users/<own-user>", managed!("own"), 200),
    row("put", "/{endpoint}/{id}", "/Groups/<own-group>", group!("<user>"), 400),
    row("patch", "/{endpoint}/{id}", "/Users/<user>", ADD_TITLE, 404),
    row("patch", "/{endpoint}/{id}", "/Groups/<group>", ADD_MEMBER, 404),
    row("patch", "/{endpoint}/{id}", "/Groups/<own-group>", ADD_MEMBER, 400),
    row("patch", "/{endpoint}/{id}", "/Groups/<own-group>", REMOVE_MEMBER, 200),
    row("delete", "/{endpoint}/{id}", "/Users/<user>", "", 404),
    row("delete", "/{endpoint}/{id}", "/Groups/<group>", "", 404),
    row("delete", "/Me", "/Me", "", 204),
];

/// The administration of a tenant, by an administrator of another.
#[rustfmt::skip]
const TENANT: &[Crossing] = &[
    row("get", "", "", "", 200),
    row("patch", "", "", r#"{"name":"<tenant>"}"#, 403),
    row("patch", "", "", r#"{"resolution":{"realm":"<tenant>"}}"#, 403),
    row("delete", "", "", "", 401),
    row("post", "/suspend", "/suspend", "", 401),
    row("post", "/resume", "/resume", "", 401),
    row("post", "/move", "/move", r#"{"placement":{"kind":"schema"}}"#, 401),
    row("get", "/move", "/move", "", 401),
    row("get", "/tokens", "/tokens", "", 200),
    row("post", "/tokens", "/tokens", r#"{"name":"token","userId":"<user>"}"#, 400),
    row("post", "/tokens", "/tokens", r#"{"name":"token","permissions":["scim:read:<type>"]}"#, 400),
    row("patch", "/tokens/{id}", "/tokens/<token>", r#"{"name":"mine"}"#, 404),
    row("post", "/tokens/{id}/rotate", "/tokens/<token>/rotate", "{}", 404),
    row("delete", "/tokens/{id}", "/tokens/<token>", "", 404),
    row("get", "/clients", "/clients", "", 200),
    row("post", "/clients", "/clients", r#"{"name":"client","permissions":["scim:read:<type>"]}"#, 400),
    row("post", "/clients/{id}/rotate", "/clients/<client>/rotate", "{}", 404),
    row("delete", "/clients/{id}", "/clients/<client>", "", 404),
    // Before an issuer is made that is called as that of the other: the log tells of it.
    row("get", "/audit/export", "/audit/export", "", 200),
    row("get", "/issuers", "/issuers", "", 200),
    row("post", "/issuers", "/issuers", r#"{"issuer":"<issuer-url>","audiences":["tenon"],"jwksUrl":"https://idp.example.com/keys"}"#, 201),
    row("put", "/issuers/{id}", "/issuers/<issuer>", r#"{"issuer":"<issuer-url>","audiences":["tenon"],"jwksUrl":"https://idp.example.com/keys"}"#, 404),
    row("post", "/issuers", "/issuers", r#"{"issuer":"<issuer-url>","audiences":["tenon"],"jwksUrl":"https://idp.example.com/keys","anywhere":true}"#, 403),
    row("delete", "/issuers/{id}", "/issuers/<issuer>", "", 404),
    row("post", "/issuers/{id}/refresh", "/issuers/<issuer>/refresh", "{}", 404),
    row("get", "/explain", "/explain?endpoint=/Users&filter=userName eq \"<user-name>\"", "", 200),
    row("get", "/explain", "/explain?endpoint=/Users&filter=groups.value eq \"<group>\"", "", 200),
    row("get", "/explain", "/explain?endpoint=/<endpoint>", "", 404),
    row("get", "/indexes", "/indexes", "", 200),
    row("put", "/indexes/{type}/{attribute}", "/indexes/<type>/number", "{}", 404),
    row("delete", "/indexes/{type}/{attribute}", "/indexes/User/<attribute>", "", 404),
    row("delete", "/indexes/{type}/{attribute}", "/indexes/<type>/number", "", 404),
    row("get", "/plugins", "/plugins", "", 200),
    row("get", "/plugins/{name}", "/plugins/<plugin>", "", 404),
    row("put", "/plugins/{name}", "/plugins/<plugin>", "{}", 415),
    row("delete", "/plugins/{name}", "/plugins/<plugin>", "", 404),
    row("post", "/plugins/{name}/activate", "/plugins/<plugin>/activate", r#"{"digest":"<digest>"}"#, 404),
    row("post", "/plugins/{name}/activate", "/plugins/<own-plugin>/activate", r#"{"digest":"<digest>"}"#, 404),
    row("post", "/plugins/{name}/deactivate", "/plugins/<plugin>/deactivate", "{}", 404),
    row("post", "/plugins/{name}/rollback", "/plugins/<plugin>/rollback", "{}", 404),
    row("post", "/plugins/{name}/shadow", "/plugins/<plugin>/shadow", r#"{"digest":"<digest>"}"#, 404),
    row("post", "/plugins/{name}/shadow", "/plugins/<own-plugin>/shadow", r#"{"digest":"<digest>"}"#, 404),
    row("get", "/plugins/{name}/shadow", "/plugins/<plugin>/shadow", "", 404),
    row("delete", "/plugins/{name}/shadow", "/plugins/<plugin>/shadow", "", 404),
    row("post", "/plugins/{name}/impact", "/plugins/<plugin>/impact", r#"{"digest":"<digest>"}"#, 404),
    row("get", "/plugins/{name}/impact", "/plugins/<plugin>/impact", "", 404),
    row("delete", "/plugins/{name}/impact", "/plugins/<plugin>/impact", "", 404),
    row("post", "/plugins/{name}/recordings", "/plugins/<plugin>/recordings", r#"{"hook":"validation","calls":1}"#, 404),
    row("get", "/plugins/{name}/recordings", "/plugins/<plugin>/recordings", "", 404),
    row("delete", "/plugins/{name}/recordings", "/plugins/<plugin>/recordings", "", 404),
    row("get", "/plugins/{name}/recordings/{id}", "/plugins/<plugin>/recordings/<call>", "", 404),
    row("get", "/plugins/{name}/recordings/{id}", "/plugins/<own-plugin>/recordings/<call>", "", 404),
    row("delete", "/plugins/{name}/recordings/{id}", "/plugins/<plugin>/recordings/<call>", "", 404),
    row("delete", "/plugins/{name}/recordings/{id}", "/plugins/<own-plugin>/recordings/<call>", "", 404),
    row("get", "/plugins/{name}/logs", "/plugins/<plugin>/logs", "", 404),
    row("put", "/plugins/{name}/settings", "/plugins/<plugin>/settings", "{}", 404),
    row("get", "/plugins/order", "/plugins/order", "", 200),
    row("put", "/plugins/order", "/plugins/order", r#"{"order":["<plugin>"]}"#, 400),
    row("get", "/plugins/{name}/config", "/plugins/<plugin>/config", "", 404),
    row("put", "/plugins/{name}/config", "/plugins/<plugin>/config", "{}", 404),
    row("get", "/plugins/{name}/deliveries", "/plugins/<plugin>/deliveries", "", 404),
    row("post", "/plugins/{name}/deliveries/{event}/retry", "/plugins/<plugin>/deliveries/<user>/retry", "{}", 404),
    row("delete", "/plugins/{name}/deliveries/{event}", "/plugins/<plugin>/deliveries/<user>", "", 404),
    row("get", "/stats", "/stats", "", 200),
    row("get", "/health", "/health", "", 200),
    row("get", "/requests", "/requests?actor=token:<token>", "", 200),
    row("get", "/audit", "/audit?resourceId=<user>", "", 200),
    row("get", "/audit", "/audit?actor=token:<token>", "", 200),
    row("post", "/audit/verify", "/audit/verify", "{}", 200),
    row("get", "/requests", "/requests", "", 200),
    row("get", "/requests", "/requests?actor=token:<token>", "", 200),
    row("get", "/export", "/export", "", 200),
    row("post", "/import", "/import", r#"{"members":{"group":"<group>","values":[{"value":"<user>"}]}}"#, 200),
    row("get", "/shares", "/shares", "", 401),
    row("get", "/shares/{parent}", "/shares/<tenant>", "", 401),
    row("put", "/shares/{parent}", "/shares/<tenant>", r#"{"resourceTypes":["User"]}"#, 401),
    row("delete", "/shares/{parent}", "/shares/<tenant>", "", 401),
    row("get", "/entry-points", "/entry-points", "", 401),
    row("post", "/entry-points", "/entry-points", r#"{"kind":"host","value":"<host>"}"#, 401),
    row("delete", "/entry-points/{kind}/{value}", "/entry-points/host/<host>", "", 401),
];

/// The administration of the server: the operator's, but for its description.
#[rustfmt::skip]
const SERVER: &[Crossing] = &[
    row("get", "/openapi.json", "/openapi.json", "", 200),
    row("get", "/audit", "/audit", "", 401),
    row("get", "/audit/export", "/audit/export", "", 401),
    row("post", "/audit/verify", "/audit/verify", "{}", 401),
    row("get", "/substrings", "/substrings", "", 401),
    row("put", "/substrings", "/substrings", r#"{"enabled":false}"#, 401),
    row("get", "/tenants", "/tenants", "", 401),
    row("post", "/tenants", "/tenants", r#"{"name":"<tenant>"}"#, 401),
    row("get", "/issuers", "/issuers", "", 401),
    row("post", "/issuers", "/issuers", r#"{"issuer":"<issuer-url>","audiences":["tenon"],"tenantClaim":"/tid","jwksUrl":"https://idp.example.com/keys"}"#, 401),
    row("put", "/issuers/{id}", "/issuers/<issuer>", r#"{"issuer":"<issuer-url>","audiences":["tenon"],"tenantClaim":"/tid","jwksUrl":"https://idp.example.com/keys"}"#, 401),
    row("delete", "/issuers/{id}", "/issuers/<issuer>", "", 401),
    row("post", "/issuers/{id}/refresh", "/issuers/<issuer>/refresh", "{}", 401),
    row("get", "/realms", "/realms", "", 401),
    row("post", "/realms", "/realms", r#"{"name":"mine"}"#, 401),
    row("get", "/realms/{realm}", "/realms/<realm>", "", 401),
    row("delete", "/realms/{realm}", "/realms/<realm>", "", 401),
    row("get", "/realms/{realm}/resolver", "/realms/<realm>/resolver", "", 401),
    row("put", "/realms/{realm}/resolver", "/realms/<realm>/resolver", r#"{"tenant":"<tenant>","plugin":"<plugin>","permissions":["scim:read"]}"#, 401),
    row("delete", "/realms/{realm}/resolver", "/realms/<realm>/resolver", "", 401),
    row("get", "/realms/{realm}/entry-points", "/realms/<realm>/entry-points", "", 401),
    row("post", "/realms/{realm}/entry-points", "/realms/<realm>/entry-points", r#"{"kind":"path","value":"/mine"}"#, 401),
    row("delete", "/realms/{realm}/entry-points/{kind}/{value}", "/realms/<realm>/entry-points/path/mine", "", 401),
];
