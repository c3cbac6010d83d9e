//! Compiled code on disk, so that a restart does not compile every plugin again.
//!
//! Loading compiled code runs it, so a file is worth no more than who wrote it: each one is
//! sealed with HMAC-SHA-256 under a key that only the server can read. A file that is damaged,
//! foreign or made by another build is as good as none, and the component is compiled again.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tempfile::NamedTempFile;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::digest::{Digest, hex};
use crate::error::HostError;

const KEY_FILE: &str = "mac.key";
const KEY_BYTES: usize = 32;
const SEAL_BYTES: usize = 32;

/// Native code that this server had made: by its own compile child, or before a restart. Nothing
/// else becomes machine code.
pub(crate) struct TrustedCode(Vec<u8>);

/// The directory of compiled code.
pub(crate) struct Cache {
    dir: PathBuf,
    key: [u8; KEY_BYTES],
    /// What build of wasmtime, on what processor, with what settings the code is for.
    compatibility: [u8; 32],
}

/// A file of compiled code.
struct File {
    digest: Digest,
    build: String,
    path: PathBuf,
}

impl Cache {
    /// Makes the directory and the key where there are none. The directory is for one user.
    /// Code of other builds is removed: this one cannot load it.
    pub(crate) fn open(dir: &Path, engine: &Engine) -> Result<Cache, HostError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|source| HostError::CacheDir { path: dir.to_owned(), source })?;
        let key = key(dir)?;
        let cache = Cache { dir: dir.to_owned(), key, compatibility: compatibility(engine) };
        cache
            .remove_other_builds()
            .map_err(|source| HostError::CacheDir { path: dir.to_owned(), source })?;
        Ok(cache)
    }

    /// The code of a version, if there is a file whose seal holds.
    pub(crate) fn get(&self, digest: &Digest) -> Option<TrustedCode> {
        let path = self.path(digest);
        let file = match fs::read(&path) {
            Ok(file) => file,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(
                        path = %path.display(), %error,
                        "compiled plugin cannot be read; it is compiled again"
                    );
                }
                return None;
            }
        };
        let trusted = file.split_at_checked(SEAL_BYTES).and_then(|(seal, code)| {
            self.mac(digest, code)?.verify_slice(seal).ok()?;
            Some(TrustedCode(code.to_vec()))
        });
        if trusted.is_none() {
            tracing::warn!(
                path = %path.display(),
                "compiled plugin has no valid seal (damaged, or from elsewhere); it is compiled again"
            );
        }
        trusted
    }

    /// Keeps the code of a version. Readers see the old file or the whole new one.
    pub(crate) fn insert(&self, digest: &Digest, code: &TrustedCode) -> io::Result<()> {
        let mac = self.mac(digest, &code.0).ok_or(io::ErrorKind::InvalidInput)?;
        let mut file = NamedTempFile::new_in(&self.dir)?;
        file.write_all(&mac.finalize().into_bytes())?;
        file.write_all(&code.0)?;
        file.persist(self.path(digest))?;
        Ok(())
    }

    /// Removes the code of a version, if there is any.
    pub(crate) fn remove(&self, digest: &Digest) -> io::Result<()> {
        match fs::remove_file(self.path(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The versions whose code is here, sealed or not.
    pub(crate) fn digests(&self) -> io::Result<Vec<Digest>> {
        let build = self.build();
        let files = self.files()?.into_iter();
        Ok(files.filter(|file| file.build == build).map(|file| file.digest).collect())
    }

    fn remove_other_builds(&self) -> io::Result<()> {
        let build = self.build();
        for file in self.files()?.into_iter().filter(|file| file.build != build) {
            match fs::remove_file(&file.path) {
                Ok(()) => tracing::info!(
                    path = %file.path.display(),
                    "plugin compiled by another build of the server removed"
                ),
                Err(error) => tracing::warn!(
                    path = %file.path.display(), %error,
                    "plugin compiled by another build of the server cannot be removed"
                ),
            }
        }
        Ok(())
    }

    /// What is named as [`Cache::path`] names it, for any build; all else is not ours to touch.
    fn files(&self) -> io::Result<Vec<File>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let stem = name.and_then(|name| name.strip_suffix(".cwasm"));
            let Some((digest, build)) = stem.and_then(|stem| stem.split_once('-')) else {
                continue;
            };
            if let Ok(digest) = format!("sha256:{digest}").parse() {
                files.push(File { digest, build: build.to_owned(), path });
            }
        }
        Ok(files)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(format!("{}-{}.cwasm", digest.hex(), self.build()))
    }

    /// The build that the code is for, shortened for a file's name.
    fn build(&self) -> String {
        let mut build = hex(&self.compatibility);
        build.truncate(16);
        build
    }

    /// The seal covers which component the code is of and which build it is for, so that no
    /// file passes under another's name.
    fn mac(&self, digest: &Digest, code: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(b"tenon compiled plugin 1\0");
        mac.update(digest.as_bytes());
        mac.update(&self.compatibility);
        mac.update(code);
        Some(mac)
    }
}

impl TrustedCode {
    /// Takes what the compile child wrote. The child is this same program, started for this one
    /// component, and nothing else can write to its standard output.
    pub(crate) fn from_compile_child(code: Vec<u8>) -> TrustedCode {
        TrustedCode(code)
    }

    /// How large the code is.
    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }

    /// The component that the code is of.
    #[expect(unsafe_code, reason = "wasmtime has no safe way to load compiled code")]
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes must be unchanged output of `Engine::precompile_component`. A
        // `TrustedCode` is made in two places alone: from the output of the compile child, and
        // from a file whose seal this server made over such output. wasmtime itself checks that
        // version, settings and processor fit.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}

/// The key of the directory, made at the first start. Two servers that start at once end up with
/// the same key: the second finds the file of the first.
fn key(dir: &Path) -> Result<[u8; KEY_BYTES], HostError> {
    let path = dir.join(KEY_FILE);
    let failed = |source: io::Error| HostError::CacheDir { path: path.clone(), source };
    if !path.exists() {
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key).map_err(|error| failed(io::Error::other(error.to_string())))?;
        // A temporary file is readable by its owner alone from the moment it exists.
        let mut file = NamedTempFile::new_in(dir).map_err(failed)?;
        file.write_all(&key).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        if let Err(error) = file.persist_noclobber(&path)
            && error.error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(failed(error.error));
        }
    }
    let mode = fs::metadata(&path).map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(HostError::ExposedKey { path, mode });
    }
    let bytes = fs::read(&path).map_err(failed)?;
    let found = bytes.len();
    bytes.try_into().map_err(|_| HostError::DamagedKey { path, expected: KEY_BYTES, found })
}

fn compatibility(engine: &Engine) -> [u8; 32] {
    use sha2::Digest as _;
    struct Sink(Sha256);
    impl Hasher for Sink {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut sink = Sink(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sink);
    sink.0.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::compiling_engine;

    struct Fixture {
        dir: tempfile::TempDir,
        engine: Engine,
        digest: Digest,
        code: TrustedCode,
    }

    impl Fixture {
        fn new() -> Fixture {
            let engine = compiling_engine().unwrap();
            let component = wat::parse_str("(component)").unwrap();
            let code = engine.precompile_component(&component).unwrap();
            Fixture {
                dir: tempfile::tempdir().unwrap(),
                engine,
                digest: Digest::of(&component),
                code: TrustedCode::from_compile_child(code),
            }
        }

        fn open(&self) -> Cache {
            Cache::open(self.dir.path(), &self.engine).unwrap()
        }
    }

    #[test]
    fn code_is_found_again_after_a_restart() {
        let fixture = Fixture::new();
        fixture.open().insert(&fixture.digest, &fixture.code).unwrap();
        let code = fixture.open().get(&fixture.digest).unwrap();
        assert_eq!(code.0, fixture.code.0);
        assert!(code.load(&fixture.engine).is_ok());
    }

    #[test]
    fn a_changed_byte_breaks_the_seal_wherever_it_stands() {
        let fixture = Fixture::new();
        let cache = fixture.open();
        cache.insert(&fixture.digest, &fixture.code).unwrap();
        let path = cache.path(&fixture.digest);
        let whole = fs::read(&path).unwrap();
        for at in [0, SEAL_BYTES, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            assert!(cache.get(&fixture.digest).is_none(), "byte {at}");
        }
        for length in [0, SEAL_BYTES - 1, SEAL_BYTES, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(cache.get(&fixture.digest).is_none(), "length {length}");
        }
        fs::write(&path, whole).unwrap();
        assert!(cache.get(&fixture.digest).is_some());
    }

    #[test]
    fn a_file_under_another_plugins_name_is_not_taken() {
        let fixture = Fixture::new();
        let cache = fixture.open();
        cache.insert(&fixture.digest, &fixture.code).unwrap();
        let other = Digest::of(b"another");
        fs::rename(cache.path(&fixture.digest), cache.path(&other)).unwrap();
        assert!(cache.get(&other).is_none());
    }

    #[test]
    fn a_file_sealed_with_another_key_is_not_taken() {
        let fixture = Fixture::new();
        fixture.open().insert(&fixture.digest, &fixture.code).unwrap();
        fs::remove_file(fixture.dir.path().join(KEY_FILE)).unwrap();
        assert!(fixture.open().get(&fixture.digest).is_none());
    }

    #[test]
    fn a_file_of_another_build_is_not_taken() {
        let fixture = Fixture::new();
        let cache = fixture.open();
        cache.insert(&fixture.digest, &fixture.code).unwrap();
        let mut other = fixture.open();
        other.compatibility[31] ^= 1;
        // The short form in the name leaves the last byte out: only the seal can tell.
        assert_eq!(other.path(&fixture.digest), cache.path(&fixture.digest));
        assert!(other.get(&fixture.digest).is_none());
    }

    #[test]
    fn files_of_other_builds_are_removed_at_the_start_and_nothing_else_is() {
        let fixture = Fixture::new();
        let cache = fixture.open();
        cache.insert(&fixture.digest, &fixture.code).unwrap();
        let other = Cache { compatibility: [7; 32], ..fixture.open() };
        other.insert(&fixture.digest, &fixture.code).unwrap();
        let foreign = fixture.dir.path().join("notes-0.cwasm");
        fs::write(&foreign, b"the operator's own").unwrap();

        fixture.open();
        assert!(!other.path(&fixture.digest).exists());
        assert!(cache.get(&fixture.digest).is_some());
        assert!(foreign.exists());
        assert_eq!(cache.digests().unwrap(), [fixture.digest]);
    }

    #[test]
    fn the_key_is_for_its_owner_alone() {
        let fixture = Fixture::new();
        fixture.open();
        let path = fixture.dir.path().join(KEY_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let opened = Cache::open(fixture.dir.path(), &fixture.engine);
        assert!(matches!(opened, Err(HostError::ExposedKey { mode: 0o640, .. })));
    }

    #[test]
    fn a_key_of_the_wrong_length_is_told() {
        let fixture = Fixture::new();
        fixture.open();
        fs::write(fixture.dir.path().join(KEY_FILE), b"short").unwrap();
        let opened = Cache::open(fixture.dir.path(), &fixture.engine);
        assert!(matches!(opened, Err(HostError::DamagedKey { found: 5, .. })));
    }
}
