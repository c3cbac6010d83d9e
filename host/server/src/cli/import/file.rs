//! A file of lines: of `tenon export`, or one resource on each.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::ImportError;
use super::batch::{BYTES, Batch, LINES, member_lines, resource_line};
use super::journal::Progress;
use super::source::{Pass, Position};

/// Of the lines that this version reads.
const VERSION: u64 = 1;

pub(super) struct FileSource {
    path: PathBuf,
    reader: BufReader<File>,
    pass: Pass,
    offset: u64,
    size: u64,
}

impl FileSource {
    /// Opens a file where an import goes on. Of an export, it looks first whether it is whole.
    pub(super) fn open(path: PathBuf, progress: &Progress) -> Result<Self, ImportError> {
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (size, file) = opened.map_err(|source| failed(&path, source))?;
        let mut reader = BufReader::new(file);
        let offset = match progress.position {
            Position::Byte(offset) => offset,
            _ => {
                check(&mut reader).map_err(|error| error.of(&path))?;
                0
            }
        };
        let mut source = Self { path, reader, pass: progress.pass, offset, size };
        source.seek(offset)?;
        Ok(source)
    }

    pub(super) fn begin(&mut self, pass: Pass) -> Result<(), ImportError> {
        self.pass = pass;
        self.seek(0)
    }

    fn seek(&mut self, offset: u64) -> Result<(), ImportError> {
        self.offset = offset;
        let sought = self.reader.seek(SeekFrom::Start(offset));
        sought.map(drop).map_err(|source| failed(&self.path, source))
    }

    pub(super) fn next(&mut self) -> Result<Option<Batch>, ImportError> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        let mut line = String::new();
        while lines.len() < LINES && bytes < BYTES {
            line.clear();
            let read = self.reader.read_line(&mut line);
            let read = read.map_err(|source| failed(&self.path, source))?;
            if read == 0 {
                break;
            }
            self.offset += read as u64;
            for line in lines_of(self.pass, line.trim()) {
                bytes += line.len();
                lines.push(line);
            }
        }
        let is_end = lines.is_empty();
        let (after, done, total) = (Some(Position::Byte(self.offset)), self.offset, self.size);
        Ok((!is_end).then_some(Batch { lines, after, done, total, missing: None }))
    }
}

/// What a line of the file brings in a pass. What cannot be read is sent as it is: the server says
/// why it does not take it.
fn lines_of(pass: Pass, text: &str) -> Vec<String> {
    match (pass, Content::of(text)) {
        (Pass::Resources, Content::Resource(resource_type, resource)) => {
            vec![resource_line(resource_type.as_deref(), resource)]
        }
        (Pass::Members, Content::Resource(resource_type, resource)) => {
            member_lines(resource_type.as_deref(), &resource)
        }
        (Pass::Members, Content::Members) | (Pass::Resources, Content::Other) => {
            vec![text.to_owned()]
        }
        _ => Vec::new(),
    }
}

/// What a line of a file is.
enum Content {
    /// A resource, and its type where the line says it.
    Resource(Option<String>, Value),
    Members,
    /// What an export says of itself, or nothing.
    Nothing,
    Other,
}

impl Content {
    fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self::Nothing;
        }
        let Ok(mut line) = serde_json::from_str::<Value>(text) else { return Self::Other };
        if line.get("schemas").is_some() {
            return Self::Resource(None, line);
        }
        let resource_type = line.get("resourceType").and_then(Value::as_str).map(str::to_owned);
        if let Some(resource) = line.get_mut("resource") {
            return Self::Resource(resource_type, resource.take());
        }
        if line.get("members").is_some() {
            return Self::Members;
        }
        let is_frame = ["export", "position", "end"].iter().any(|it| line.get(it).is_some());
        if is_frame { Self::Nothing } else { Self::Other }
    }
}

/// Why a file is not imported.
enum Broken {
    Unreadable(std::io::Error),
    Content(String),
}

impl Broken {
    fn of(self, path: &std::path::Path) -> ImportError {
        match self {
            Self::Unreadable(source) => failed(path, source),
            Self::Content(reason) => ImportError::Content { path: path.to_owned(), reason },
        }
    }
}

/// An export has an end, which has the hash of all that is before it.
fn check(reader: &mut impl BufRead) -> Result<(), Broken> {
    let mut hash = Sha256::new();
    let (mut line, mut is_first) = (String::new(), true);
    loop {
        line.clear();
        if reader.read_line(&mut line).map_err(Broken::Unreadable)? == 0 {
            let reason = "the export has no end: it was interrupted, and tenon export --resume \
                          goes on with it";
            return if is_first { Ok(()) } else { Err(Broken::Content(reason.to_owned())) };
        }
        if is_first {
            let header: Value = serde_json::from_str(&line).unwrap_or_default();
            let Some(export) = header.get("export") else { return Ok(()) };
            if export.get("version").and_then(Value::as_u64) != Some(VERSION) {
                return Err(Broken::Content("a newer version of tenon has written it".to_owned()));
            }
        }
        is_first = false;
        if line.starts_with("{\"end\":") {
            let end: Value = serde_json::from_str(&line).unwrap_or_default();
            let expected = end.get("end").and_then(|it| it.get("sha256")).and_then(Value::as_str);
            let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            if expected == Some(&found) {
                return Ok(());
            }
            let reason = "it is not what was exported: its SHA-256 is another than its end says";
            return Err(Broken::Content(reason.to_owned()));
        }
        hash.update(&line);
    }
}

fn failed(path: &std::path::Path, source: std::io::Error) -> ImportError {
    ImportError::File { path: path.to_owned(), source }
}
