//! Finds PostgreSQL's server programs: in the directory chosen, on `PATH`, or where the usual
//! packages put them (Debian hides them from `PATH` in `/usr/lib/postgresql/<major>/bin`).

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::error::EmbeddedError;
use super::initdb::clean_environment;

/// The oldest release whose SQL Tenon uses.
const OLDEST_MAJOR: u32 = 14;

/// `<parent>/<prefix>*/bin`, for each way of packaging.
const PACKAGED: [(&str, &str); 6] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/usr/lib", "postgresql"),
    ("/opt/homebrew/opt", "postgresql"),
    ("/usr/local/opt", "postgresql"),
    ("/Applications/Postgres.app/Contents/Versions", ""),
];

/// A directory with `postgres` and `initdb` of one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) dir: PathBuf,
    pub(super) major: u32,
}

/// A database that exists already, and the release that wrote it: no other can open it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Existing<'a> {
    pub(super) data: &'a Path,
    pub(super) major: u32,
}

impl Binaries {
    /// The programs to use: of `existing`'s release, else the first on `PATH`, else the newest.
    pub(super) async fn find(
        chosen: Option<&Path>,
        existing: Option<Existing<'_>>,
    ) -> Result<Self, EmbeddedError> {
        let (on_path, packaged) = match chosen {
            Some(dir) => {
                for program in ["postgres", "initdb"] {
                    if !dir.join(program).is_file() {
                        return Err(EmbeddedError::ProgramMissing {
                            bin_dir: dir.to_path_buf(),
                            program,
                            install: install_command(None),
                        });
                    }
                }
                (vec![dir.to_path_buf()], Vec::new())
            }
            None => (path_directories(), packaged_directories()),
        };
        let on_path = releases_in(&on_path).await?;
        let mut packaged = releases_in(&packaged).await?;
        packaged.sort_by_key(|found| std::cmp::Reverse(found.major));
        choose(on_path.into_iter().chain(packaged).collect(), existing)
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// The first that will do, in order of preference.
fn choose(found: Vec<Binaries>, existing: Option<Existing<'_>>) -> Result<Binaries, EmbeddedError> {
    if found.is_empty() {
        let mut searched = vec![PathBuf::from("PATH")];
        searched.extend(
            PACKAGED
                .iter()
                .map(|(parent, prefix)| PathBuf::from(format!("{parent}/{prefix}*/bin"))),
        );
        return Err(EmbeddedError::NotInstalled {
            searched,
            install: install_command(existing.map(|database| database.major)),
        });
    }
    let fits = |release: &&Binaries| match existing {
        Some(database) => release.major == database.major,
        None => release.major >= OLDEST_MAJOR,
    };
    match found.iter().find(fits) {
        Some(release) => Ok(release.clone()),
        None => Err(EmbeddedError::WrongRelease {
            wanted: match existing {
                Some(database) => format!("PostgreSQL {}", database.major),
                None => format!("PostgreSQL {OLDEST_MAJOR} or newer"),
            },
            data: existing.map(|database| database.data.to_path_buf()),
            found: found.into_iter().map(|f| (f.major, f.dir)).collect(),
            install: install_command(existing.map(|database| database.major)),
        }),
    }
}

fn path_directories() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).filter(|dir| dir.is_absolute()).collect()
}

fn packaged_directories() -> Vec<PathBuf> {
    let mut directories = Vec::new();
    for (parent, prefix) in PACKAGED {
        // A parent that is not there is a packaging that is not used here.
        let Ok(entries) = std::fs::read_dir(parent) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                directories.push(entry.path().join("bin"));
            }
        }
    }
    directories
}

/// Those of the directories that hold both programs, each real directory once.
async fn releases_in(directories: &[PathBuf]) -> Result<Vec<Binaries>, EmbeddedError> {
    let mut releases: Vec<Binaries> = Vec::new();
    for dir in directories {
        let postgres = dir.join("postgres");
        if !(postgres.is_file() && dir.join("initdb").is_file()) {
            continue;
        }
        // PostgreSQL finds its share directory from where the program really is.
        let real = postgres.canonicalize().map_err(EmbeddedError::io("resolve", &postgres))?;
        let dir = match real.parent() {
            Some(parent) if parent.join("initdb").is_file() => parent.to_path_buf(),
            _ => dir.clone(),
        };
        if releases.iter().all(|known| known.dir != dir) {
            let major = major_of(&real).await?;
            releases.push(Binaries { dir, major });
        }
    }
    Ok(releases)
}

async fn major_of(postgres: &Path) -> Result<u32, EmbeddedError> {
    let mut command = Command::new(postgres);
    clean_environment(&mut command);
    let output =
        command.arg("--version").output().await.map_err(EmbeddedError::io("run", postgres))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    parse_major(&printed).ok_or_else(|| EmbeddedError::UnreadableVersion {
        program: postgres.to_path_buf(),
        printed,
    })
}

/// 15 from `postgres (PostgreSQL) 15.18 (Debian …)`, 19 from `postgres (PostgreSQL) 19beta1`.
fn parse_major(printed: &str) -> Option<u32> {
    let (_, version) = printed.split_once("(PostgreSQL) ")?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// A package tool, its command for the newest release, and for a given one.
const INSTALL: [(&str, &str, &str); 5] = [
    ("apt-get", "apt-get install postgresql", "apt-get install postgresql-{major}"),
    ("dnf", "dnf install postgresql-server", "dnf install postgresql{major}-server"),
    ("apk", "apk add postgresql", "apk add postgresql{major}"),
    ("pacman", "pacman -S postgresql", "pacman -S postgresql"),
    ("brew", "brew install postgresql@17", "brew install postgresql@{major}"),
];

/// The one command that installs the server programs here, told by the package tool present.
fn install_command(major: Option<u32>) -> String {
    let directories = path_directories();
    let present = |tool: &str| directories.iter().any(|dir| dir.join(tool).is_file());
    let Some((tool, newest, given)) = INSTALL.iter().find(|(tool, ..)| present(tool)) else {
        return "the system's package tool".to_owned();
    };
    let command = match major {
        Some(major) => given.replace("{major}", &major.to_string()),
        None => (*newest).to_owned(),
    };
    // Homebrew refuses to run as root.
    if *tool == "brew" || rustix::process::geteuid().is_root() {
        command
    } else {
        format!("sudo {command}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(dir: &str, major: u32) -> Binaries {
        Binaries { dir: dir.into(), major }
    }

    #[test]
    fn the_major_release_is_read_from_what_postgres_prints() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(parse_major("postgres: not found"), None);
    }

    #[test]
    fn an_existing_database_gets_the_release_that_wrote_it() {
        let existing = Existing { data: Path::new("/d"), major: 15 };
        let found = vec![release("/17", 17), release("/15", 15)];
        assert_eq!(choose(found.clone(), Some(existing)).unwrap(), release("/15", 15));
        assert_eq!(choose(found, None).unwrap(), release("/17", 17));
    }

    #[test]
    fn another_release_than_the_databases_is_refused_with_both_named() {
        let existing = Existing { data: Path::new("/srv/d"), major: 14 };
        let refusal = choose(vec![release("/opt/17/bin", 17)], Some(existing)).unwrap_err();
        let text = refusal.to_string();
        assert!(
            text.starts_with(
                "PostgreSQL 14 is needed for the database in /srv/d, and only PostgreSQL 17 in /opt/17/bin was found; install it with `"
            ),
            "{text}"
        );
    }

    #[test]
    fn without_programs_the_error_names_the_command_and_the_alternative() {
        let text = choose(Vec::new(), None).unwrap_err().to_string();
        assert!(text.contains("/usr/lib/postgresql/*/bin"), "{text}");
        assert!(text.contains("install it with `"), "{text}");
        assert!(text.contains("TENON_DATABASE_URL"), "{text}");
    }
}
