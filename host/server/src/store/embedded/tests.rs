//! The server's life on real PostgreSQL programs: started, killed, shared, adopted, stopped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::*;

/// Longer than any recovery of these small databases takes.
const LIMIT: Duration = Duration::from_secs(60);

/// In the environment of the test that plays a Tenon to be killed: its data directory.
const VICTIM: &str = "TENON_TEST_EMBEDDED_VICTIM";

/// A data directory with a stopped database in it, copied from one that initdb made once.
struct Place {
    _dir: TempDir,
    data_dir: PathBuf,
    _made_once: Arc<TempDir>,
}

impl Place {
    async fn new() -> Self {
        Self::below("d").await
    }

    async fn below(path: &str) -> Self {
        static MADE: Mutex<Weak<TempDir>> = Mutex::const_new(Weak::new());
        let mut made = MADE.lock().await;
        let made_once = match made.upgrade() {
            Some(existing) => existing,
            None => {
                let dir = Arc::new(open_directory());
                let embedded = start(settings(&dir.path().join("d"))).await.unwrap();
                assert_eq!(embedded.stop().await.unwrap(), Stopped::Ended);
                *made = Arc::downgrade(&dir);
                dir
            }
        };
        let dir = open_directory();
        let data_dir = dir.path().join(path);
        fs::create_dir_all(data_dir.parent().unwrap()).unwrap();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(made_once.path().join("d"))
            .arg(&data_dir)
            .status()
            .unwrap();
        assert!(copied.success());
        Self { _dir: dir, data_dir, _made_once: made_once }
    }

    async fn start(&self) -> Embedded {
        start(settings(&self.data_dir)).await.unwrap()
    }

    fn cluster(&self) -> PathBuf {
        self.data_dir.join("postgres/cluster")
    }

    fn record(&self) -> PathBuf {
        self.cluster().join("data/postmaster.pid")
    }

    fn recorded(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.record()).ok()?;
        Pid::from_raw(text.lines().next()?.parse().ok()?)
    }

    fn postmaster(&self) -> Pid {
        self.recorded().unwrap()
    }
}

/// As root, a temporary directory that the server's account can pass.
fn open_directory() -> TempDir {
    let dir = tempfile::Builder::new().prefix("tenon-").tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn settings(data_dir: &Path) -> EmbeddedSettings {
    EmbeddedSettings { data_dir: data_dir.to_path_buf(), bin_dir: None }
}

async fn write_row(embedded: &Embedded) {
    let mut connection = embedded.connect_options().connect().await.unwrap();
    connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)").await.unwrap();
    connection.close().await.unwrap();
}

async fn read_row(embedded: &Embedded) -> i32 {
    let mut connection = embedded.connect_options().connect().await.unwrap();
    let n = sqlx::query_scalar("SELECT n FROM kept").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    n
}

/// What the new server answers; a backend of the killed one may answer once more before.
async fn after_recovery(place: &Place, pool: &PgPool, killed: Pid) -> i32 {
    let recovered = async {
        loop {
            let answer = sqlx::query_scalar("SELECT n FROM kept").fetch_one(pool).await;
            match answer {
                Ok(n) if place.recorded().is_some_and(|pid| pid != killed) => break n,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    timeout(LIMIT, recovered).await.unwrap()
}

#[tokio::test]
async fn a_database_cut_short_in_the_making_is_made_again() {
    let dir = open_directory();
    let data_dir = dir.path().join("not/there/yet");
    let half = data_dir.join("postgres/cluster.partial/data");
    fs::create_dir_all(&half).unwrap();
    for above in half.ancestors().take_while(|above| *above != dir.path()) {
        fs::set_permissions(above, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(half.join("PG_VERSION"), "15\n").unwrap();

    let embedded = start(settings(&data_dir)).await.unwrap();
    write_row(&embedded).await;
    assert_eq!(read_row(&embedded).await, 7);
    assert!(!data_dir.join("postgres/cluster.partial").exists());
    let password = fs::metadata(data_dir.join("postgres/cluster/password")).unwrap();
    assert_eq!(password.mode() & 0o777, 0o600);
    assert_eq!(embedded.stop().await.unwrap(), Stopped::Ended);
}

#[tokio::test]
async fn a_restart_keeps_what_was_committed_and_leaves_no_process() {
    let place = Place::new().await;
    let embedded = place.start().await;
    write_row(&embedded).await;
    let postmaster = place.postmaster();
    assert_eq!(embedded.stop().await.unwrap(), Stopped::Ended);
    assert!(rustix::process::test_kill_process(postmaster).is_err());
    assert!(!place.record().exists());

    let embedded = place.start().await;
    assert_eq!(read_row(&embedded).await, 7);
    embedded.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_server_comes_back_with_everything_committed() {
    let place = Place::new().await;
    let embedded = place.start().await;
    let pool = PgPool::connect_lazy_with(embedded.connect_options());
    write_row(&embedded).await;
    let killed = place.postmaster();
    kill_process(killed, Signal::KILL).unwrap();

    assert_eq!(after_recovery(&place, &pool, killed).await, 7);
    pool.close().await;
    assert_eq!(embedded.stop().await.unwrap(), Stopped::Ended);
}

#[tokio::test]
async fn the_pid_of_another_program_or_of_a_zombie_does_not_block_the_start() {
    let place = Place::new().await;
    let owner = fs::metadata(place.cluster()).unwrap().uid();
    // PostgreSQL believes in a living process of its own user only, so they run as that user.
    let mut other =
        Command::new("cat").uid(owner).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut zombie = Command::new("true").uid(owner).stdout(Stdio::piped()).spawn().unwrap();
    let mut end = Vec::new();
    std::io::Read::read_to_end(zombie.stdout.as_mut().unwrap(), &mut end).unwrap();

    for pid in [other.id(), zombie.id()] {
        let data = place.cluster().join("data");
        let record =
            format!("{pid}\n{}\n1700000000\n5432\n/nowhere\n\n  1 1\nready\n", data.display());
        fs::write(place.record(), record).unwrap();
        let socket = place.cluster().join("socket");
        fs::create_dir_all(&socket).unwrap();
        std::os::unix::fs::chown(&socket, Some(owner), None).unwrap();
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(socket.join(".s.PGSQL.5432.lock"), format!("{pid}\n")).unwrap();

        let embedded = place.start().await;
        assert_ne!(place.postmaster().as_raw_nonzero().get(), pid.cast_signed());
        embedded.stop().await.unwrap();
    }
    other.kill().unwrap();
    other.wait().unwrap();
    zombie.wait().unwrap();
}

/// Run by the next test in a process of its own.
#[tokio::test]
#[ignore = "plays the Tenon that is killed in another test"]
async fn a_tenon_to_be_killed() {
    let Some(data_dir) = std::env::var_os(VICTIM) else {
        return;
    };
    let embedded = start(settings(Path::new(&data_dir))).await.unwrap();
    write_row(&embedded).await;
    println!("\nVICTIM READY");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn the_server_of_a_killed_tenon_is_adopted_and_stopped_by_the_next() {
    let place = Place::new().await;
    let (_, this) = module_path!().split_once("::").unwrap();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([&format!("{this}::a_tenon_to_be_killed"), "--exact"])
        .args(["--ignored", "--nocapture"])
        .env(VICTIM, &place.data_dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "VICTIM READY"));
    let postmaster = place.postmaster();
    if cfg!(target_os = "linux") {
        // The victim itself has a TENON_ variable.
        let environment =
            fs::read(format!("/proc/{}/environ", postmaster.as_raw_nonzero())).unwrap();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        assert!(environment.contains("LC_ALL=C"), "{environment}");
        assert!(!environment.contains("TENON_"), "{environment}");
    }
    victim.kill().unwrap();
    victim.wait().unwrap();

    let embedded = place.start().await;
    assert_eq!(place.postmaster(), postmaster, "adopted, not started again");
    assert!(embedded.to_string().contains("joined"), "{embedded}");
    assert_eq!(read_row(&embedded).await, 7);
    assert_eq!(embedded.stop().await.unwrap(), Stopped::Ended);
    assert!(!place.record().exists());
}

#[tokio::test]
async fn the_last_of_those_who_share_a_server_stops_it() {
    let place = Place::new().await;
    let first = place.start().await;
    let second = place.start().await;
    write_row(&first).await;
    assert_eq!(first.stop().await.unwrap(), Stopped::LeftToOthers);
    assert_eq!(read_row(&second).await, 7);
    assert_eq!(second.stop().await.unwrap(), Stopped::Ended);
    assert!(!place.record().exists());
}

#[tokio::test]
async fn each_of_those_who_share_a_server_brings_it_back() {
    let place = Place::new().await;
    let parent = place.start().await;
    let joined = place.start().await;
    write_row(&parent).await;
    let pool = PgPool::connect_lazy_with(joined.connect_options());
    let killed = place.postmaster();
    kill_process(killed, Signal::KILL).unwrap();
    assert_eq!(after_recovery(&place, &pool, killed).await, 7);

    assert_eq!(parent.stop().await.unwrap(), Stopped::LeftToOthers);
    let killed = place.postmaster();
    kill_process(killed, Signal::KILL).unwrap();
    assert_eq!(after_recovery(&place, &pool, killed).await, 7);
    pool.close().await;
    assert_eq!(joined.stop().await.unwrap(), Stopped::Ended);
    assert!(!place.record().exists());
}

#[tokio::test]
async fn a_server_whose_handle_is_dropped_goes_on_for_the_next() {
    let place = Place::new().await;
    let dropped = place.start().await;
    let postmaster = place.postmaster();
    drop(dropped);
    let embedded = place.start().await;
    assert_eq!(place.postmaster(), postmaster);
    assert_eq!(embedded.stop().await.unwrap(), Stopped::Ended);
}

#[tokio::test]
async fn a_data_directory_too_deep_for_a_socket_works_and_is_found_again() {
    let place = Place::below(&format!("{}/{}", "a".repeat(120), "b".repeat(120))).await;
    let first = place.start().await;
    write_row(&first).await;
    let second = place.start().await;
    assert_eq!(read_row(&second).await, 7);
    let socket = first.connect_options().get_socket().unwrap().clone();
    assert!(socket.as_os_str().len() < 60, "{}", socket.display());
    let found = fs::metadata(&socket).unwrap();
    assert_eq!(found.mode() & 0o777, 0o700);
    first.stop().await.unwrap();
    second.stop().await.unwrap();
    fs::remove_dir(&socket).unwrap();
}

#[tokio::test]
async fn the_role_is_no_superuser_and_the_text_is_utf8() {
    let place = Place::new().await;
    let embedded = place.start().await;
    let mut connection = embedded.connect_options().connect().await.unwrap();
    let (superuser, database, encoding, fsync): (bool, String, String, String) = sqlx::query_as(
        "SELECT usesuper, current_database()::text, current_setting('server_encoding'),
                current_setting('fsync')
         FROM pg_user WHERE usename = current_user",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert!(!superuser);
    assert_eq!(database, "tenon");
    assert_eq!(encoding, "UTF8");
    assert_eq!(fsync, "on");
    let wrong = embedded.connect_options().password("wrong").connect().await;
    assert!(wrong.is_err());
    let password = fs::read_to_string(place.cluster().join("password")).unwrap();
    assert!(!format!("{embedded:?}").contains(password.trim()));
    connection.close().await.unwrap();
    embedded.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_cannot_start_shows_the_end_of_its_log() {
    let place = Place::new().await;
    let configuration = place.cluster().join("data/postgresql.conf");
    let mut text = fs::read_to_string(&configuration).unwrap();
    text.push_str("\nno_such_setting = 3\n");
    fs::write(&configuration, text).unwrap();
    let refusal = start(settings(&place.data_dir)).await.unwrap_err();
    assert!(matches!(refusal, EmbeddedError::EndedAtStart { .. }), "{refusal}");
    assert!(refusal.to_string().contains("no_such_setting"), "{refusal}");
}

#[tokio::test]
async fn a_database_of_another_release_is_refused_with_the_release_named() {
    let place = Place::new().await;
    fs::write(place.cluster().join("data/PG_VERSION"), "11\n").unwrap();
    let refusal = start(settings(&place.data_dir)).await.unwrap_err();
    assert!(
        refusal.to_string().starts_with("PostgreSQL 11 is needed for the database in "),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_damaged_database_is_not_taken_for_a_missing_one() {
    let place = Place::new().await;
    fs::remove_file(place.cluster().join("data/PG_VERSION")).unwrap();
    let refusal = start(settings(&place.data_dir)).await.unwrap_err();
    assert!(matches!(refusal, EmbeddedError::Damaged { .. }), "{refusal}");
}

#[tokio::test]
async fn a_chosen_directory_without_the_programs_is_refused() {
    let dir = open_directory();
    let refusal = start(EmbeddedSettings {
        data_dir: dir.path().join("d"),
        bin_dir: Some(dir.path().to_path_buf()),
    })
    .await
    .unwrap_err();
    let text = refusal.to_string();
    assert!(text.contains("has no `postgres`"), "{text}");
    assert!(text.contains("install them with `"), "{text}");
}

#[test]
fn the_default_directory_is_one_the_server_can_reach() {
    let home = || Some(OsString::from("/home/ada"));
    let of = |root, data_home: Option<&str>, home| {
        data_dir_of(root, data_home.map(OsString::from), home).ok()
    };
    assert_eq!(of(true, None, home()), Some("/var/lib/tenon".into()));
    assert_eq!(of(false, None, home()), Some("/home/ada/.local/share/tenon".into()));
    assert_eq!(of(false, Some("/x"), home()), Some("/x/tenon".into()));
    assert_eq!(of(false, Some("relative"), home()), Some("/home/ada/.local/share/tenon".into()));
    assert_eq!(of(false, None, None), None);
}
