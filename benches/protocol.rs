//! What the protocol core costs on the requests that identity providers send, and how the cost
//! of a PATCH grows with a group. `make bench-protocol` runs it.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, from_str, json};
use tenon_scim::patch::{self, PATCH_SCHEMA, PatchRequest};
use tenon_scim::project::Projection;
use tenon_scim::schema::ResourceType;
use tenon_scim::schema::core::GROUP;
use tenon_scim::schema::validate;
use tenon_scim::{Dialect, Object, Registry, filter};

/// A file of the corpus that the fuzz targets start from.
macro_rules! payload {
    ($file:literal) => {
        from_str::<Object>(include_str!(concat!("../fuzz/corpus/", $file))).unwrap()
    };
}

const MEMBERS: [usize; 3] = [100, 1_000, 10_000];

fn resource_type(name: &str) -> Arc<ResourceType> {
    Arc::clone(Registry::core().resource_type(name).unwrap())
}

fn create(resource_type: &Arc<ResourceType>, input: &Object) -> Object {
    validate::create(resource_type, input).unwrap().into_attributes()
}

fn patched(resource_type: &Arc<ResourceType>, current: &Object, body: &Object) -> Object {
    let request = PatchRequest::parse(body).unwrap();
    let candidate = patch::apply(resource_type, current, &request, &Dialect::RFC).unwrap();
    validate::patched(resource_type, current, &candidate).unwrap().into_attributes()
}

fn filters(c: &mut Criterion) {
    let user = resource_type("User");
    let resource = create(&user, &payload!("resource/entra_create_user.json"));
    let filters = [
        ("lookup", r#"userName eq "test.user@example.com""#),
        ("value_path", r#"emails[type eq "work" and value eq "test.user@example.com"]"#),
        (
            "four_terms",
            r#"active eq true and (userName sw "a" or name.familyName co "jen" or title pr)"#,
        ),
    ];
    let mut group = c.benchmark_group("filter");
    for (name, text) in filters {
        group.bench_function(BenchmarkId::new("parse_and_bind", name), |b| {
            b.iter(|| black_box(filter::parse(black_box(text)).unwrap().bind(&user).unwrap()));
        });
        let parsed = filter::parse(text).unwrap();
        let bound = parsed.bind(&user).unwrap();
        group.bench_function(BenchmarkId::new("match", name), |b| {
            b.iter(|| bound.matches(black_box(&resource)));
        });
    }
}

fn resources(c: &mut Criterion) {
    let user = resource_type("User");
    let inputs = [
        ("entra_user", payload!("resource/entra_create_user.json")),
        ("okta_user", payload!("resource/okta_create_user.json")),
        ("rfc7643_full_user", payload!("resource/rfc7643_full_user.json")),
    ];
    let names = ["userName", "emails.value", "name"].map(str::to_owned);
    for (name, input) in &inputs {
        c.bench_function(&format!("validate/{name}"), |b| {
            b.iter(|| create(&user, black_box(input)));
        });
        let resource = create(&user, input);
        let projections =
            [("default", Projection::default()), ("attributes", Projection::only(&user, &names))];
        for (kind, projection) in projections {
            c.bench_function(&format!("project/{kind}/{name}"), |b| {
                b.iter(|| {
                    let mut shown = black_box(&resource).clone();
                    projection.apply(&user, &mut shown);
                    shown
                });
            });
        }
    }
}

fn user_patches(c: &mut Criterion) {
    let user = resource_type("User");
    let current = create(&user, &payload!("resource/entra_create_user.json"));
    let bodies = [
        ("entra_update", payload!("patch/entra_update_user.json")),
        ("entra_without_path", payload!("patch/entra_replace_without_path.json")),
        ("okta_deactivate", payload!("patch/okta_deactivate_user.json")),
    ];
    for (name, body) in bodies {
        c.bench_function(&format!("patch/{name}"), |b| {
            b.iter(|| patched(&user, black_box(&current), &body));
        });
    }
}

/// What must grow no faster than the group: one member comes or goes, fifty come, all are sent.
fn group_patches(c: &mut Criterion) {
    let group_type = resource_type("Group");
    for members in MEMBERS {
        let all = (0..members).map(member).collect::<Value>();
        let input = json!({ "schemas": [GROUP], "displayName": "g", "members": all });
        let input = input.as_object().unwrap();
        let current = create(&group_type, input);
        let last = format!("members[value eq \"{}\"]", id(members - 1));
        let fifty = (0..50).map(|n| member(members + n)).collect::<Value>();
        let fifty_paths = (0..50)
            .map(|n| format!("members[value eq \"{}\"]", id(n)))
            .map(|path| json!({ "op": "remove", "path": path }));
        let bodies = [
            ("add_one", json!([{ "op": "add", "path": "members", "value": [member(members)] }])),
            ("add_fifty", json!([{ "op": "add", "path": "members", "value": fifty }])),
            ("remove_one_by_path", json!([{ "op": "remove", "path": last }])),
            ("remove_fifty_by_path", fifty_paths.collect()),
            (
                "remove_fifty_by_value",
                json!([{ "op": "remove", "path": "members",
                "value": (0..50).map(member).collect::<Value>() }]),
            ),
            ("replace_all", json!([{ "op": "replace", "path": "members", "value": all }])),
        ];
        let mut group = c.benchmark_group("group");
        group.throughput(Throughput::Elements(members as u64));
        group.bench_function(BenchmarkId::new("create", members), |b| {
            b.iter(|| create(&group_type, black_box(input)));
        });
        for (name, operations) in bodies {
            let body = json!({ "schemas": [PATCH_SCHEMA], "Operations": operations });
            let body = body.as_object().unwrap();
            group.bench_function(BenchmarkId::new(name, members), |b| {
                b.iter(|| patched(&group_type, black_box(&current), body));
            });
        }
    }
}

fn member(n: usize) -> Value {
    json!({ "value": id(n) })
}

fn id(n: usize) -> String {
    format!("0192f6a0-1c1e-7000-8000-{n:012x}")
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = filters, resources, user_patches, group_patches
}
criterion_main!(benches);
