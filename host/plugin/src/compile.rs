//! Compiling an uploaded component in a child process, which may die of it.
//!
//! The compiler is not made for hostile input: a few kilobytes can take it minutes and gigabytes.
//! So it runs in a process with limits of its own; see `child.rs` for the other end.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::cache::TrustedCode;
use crate::child::{EXIT_INVALID, MEMORY_VARIABLE, TIME_VARIABLE};
use crate::error::Refusal;
use crate::limits::UploadLimits;
use crate::text::plain_lines;

/// Bytes of the child's messages that are kept.
const MESSAGE_BYTES: usize = 4_000;

/// How to start the compile child: a program that calls [`crate::compile_child_main`].
#[derive(Clone, Debug)]
pub struct Compiler {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

impl Compiler {
    /// The running program itself with these arguments, for a program with a subcommand that
    /// calls [`crate::compile_child_main`].
    ///
    /// On Linux it is the running file even when another version has been installed over it.
    ///
    /// # Errors
    ///
    /// The system does not tell the program's path.
    pub fn this_program(
        args: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> std::io::Result<Compiler> {
        let program = if cfg!(target_os = "linux") {
            PathBuf::from("/proc/self/exe")
        } else {
            std::env::current_exe()?
        };
        Ok(Compiler { program, args: args.into_iter().map(Into::into).collect() })
    }
}

/// Compiles. However the child ends, it is gone when this returns.
pub(crate) async fn compile(
    compiler: &Compiler,
    limits: &UploadLimits,
    component: &[u8],
) -> Result<TrustedCode, Refusal> {
    let mut child = start(compiler, limits)
        .map_err(|error| internal(format!("the compile process does not start: {error}")))?;
    let ended = tokio::time::timeout(limits.compile_time, converse(&mut child, limits, component));
    let ended = ended.await;
    // No effect on a child that has ended; reaps it in any case.
    if let Err(error) = child.kill().await {
        tracing::debug!(%error, "compile process could not be killed");
    }
    match ended {
        Ok(Ok(conversation)) => conversation.judge(limits),
        Ok(Err(error)) => Err(internal(format!("the compile process cannot be read: {error}"))),
        Err(_) => Err(Refusal::CompilerTimedOut { limit: limits.compile_time }),
    }
}

/// What the child said until it ended.
struct Conversation {
    code: Vec<u8>,
    message: String,
    /// `None`: it wrote more than it may, and was not waited for.
    status: Option<ExitStatus>,
}

fn start(compiler: &Compiler, limits: &UploadLimits) -> std::io::Result<Child> {
    Command::new(&compiler.program)
        .args(&compiler.args)
        // The server's environment may hold secrets.
        .env_clear()
        .env(MEMORY_VARIABLE, limits.compile_memory_bytes.to_string())
        .env(TIME_VARIABLE, limits.compile_time.as_secs().max(1).to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

async fn converse(
    child: &mut Child,
    limits: &UploadLimits,
    component: &[u8],
) -> std::io::Result<Conversation> {
    let stdin = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let give = async move {
        if let Some(mut stdin) = stdin {
            // A child that dies early closes its end; how it ended tells more than this error.
            let _ = stdin.write_all(component).await;
        }
    };
    let ((), code, message) = tokio::join!(
        give,
        // One byte more than allowed tells that there is more.
        read(stdout, limits.compiled_bytes.saturating_add(1)),
        read(stderr, MESSAGE_BYTES),
    );
    let code = code?;
    let message = plain_lines(&String::from_utf8_lossy(&message?), MESSAGE_BYTES);
    let status = match code.len() > limits.compiled_bytes {
        true => None,
        false => Some(child.wait().await?),
    };
    Ok(Conversation { code, message, status })
}

async fn read(stream: Option<impl AsyncRead + Unpin>, bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut read = Vec::new();
    if let Some(stream) = stream {
        stream.take(bytes as u64).read_to_end(&mut read).await?;
    }
    Ok(read)
}

impl Conversation {
    fn judge(self, limits: &UploadLimits) -> Result<TrustedCode, Refusal> {
        let Some(status) = self.status else {
            return Err(Refusal::CompiledTooLarge { limit: limits.compiled_bytes });
        };
        if status.success() {
            return Ok(TrustedCode::from_compile_child(self.code));
        }
        if status.code() == Some(i32::from(EXIT_INVALID)) {
            return Err(Refusal::DoesNotCompile { message: self.message });
        }
        tracing::warn!(%status, message = self.message, "compile process died");
        let how = match status.signal() {
            Some(signal) => format!("signal {signal}"),
            None => status.to_string(),
        };
        Err(Refusal::CompilerKilled {
            how,
            memory_limit: limits.compile_memory_bytes,
            time_limit: limits.compile_time,
        })
    }
}

fn internal(message: String) -> Refusal {
    tracing::error!(error = message, "plugin cannot be compiled");
    Refusal::Internal { message }
}
