//! The disk of the database is full, and has room again.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use tenon_tests::{Options, Postgres, Server, user};

use super::consistency;

/// A file system of a few megabytes, in memory. Dropping it unmounts it.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this process may not mount.
    fn mount(megabytes: u32) -> Option<Self> {
        let dir = tempfile::Builder::new().prefix("tenon-test-").tempdir().unwrap();
        let size = format!("size={megabytes}m,mode=0777");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(dir.path())
            .output()
            .ok()?;
        mounted.status.success().then_some(Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_room_lets_them_go_on() {
    let Some(disk) = SmallDisk::mount(80) else {
        eprintln!(
            "skipped: a file system cannot be mounted here; run the tests as root for this one"
        );
        return;
    };
    let postgres = Postgres::start_on(disk.path(), &[]);
    let server = Server::start(Options::on(&postgres.url()));
    let acme = server.tenant("acme").await;
    let id = acme.create("/Users", user("ada")).await;
    let ballast = disk.path().join("ballast");
    fill(&ballast);

    let mut created = 0;
    let refused = loop {
        let mut person = user(&format!("u{created}"));
        person["title"] = json!(incompressible());
        let answer = acme.scim.post("/Users", person).await;
        if answer.status != 201 {
            break answer.expect(503);
        }
        created += 1;
    };
    assert_eq!(refused.header("retry-after"), "1");
    acme.scim.get(&format!("/Users/{id}")).await.expect(200);

    std::fs::remove_file(&ballast).unwrap();
    acme.create("/Users", user("after")).await;
    let all = acme.scim.get("/Users?count=0").await.expect(200).body;
    assert_eq!(all["totalResults"], created + 2);
    consistency::check(&postgres.url()).await;
    drop((server, postgres));
}

/// 36 kilobytes that need as much on the disk.
fn incompressible() -> String {
    (0..1000).map(|_| uuid::Uuid::new_v4().to_string()).collect()
}

/// Takes all the room that is left.
fn fill(path: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    let block = vec![0_u8; 64 * 1024];
    while file.write_all(&block).is_ok() {}
}
