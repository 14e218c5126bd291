//! The socket's file: whose it is, what another broker has left there, and its removal.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, fchmod, flock};
use socket2::{Domain, SockAddr, Type};

use super::ControlError;

/// Bytes of a path that the system takes for a socket.
const LONGEST: usize = 107;

/// A socket that is listened at, though nobody may answer yet. Its file goes when this is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
    pub(super) listener: UnixListener,
    /// Held as long as the socket is ours. The system lets go of it when the process ends, however it
    /// ends.
    _lock: File,
}

impl ControlSocket {
    /// At `path`, where only the user of this process may use it. Makes the folder too, if it is not there.
    /// Blocks on the disk.
    ///
    /// # Errors
    /// If it cannot be made, or another broker has it.
    pub fn make(path: &Path) -> Result<ControlSocket, ControlError> {
        let fail = |error| ControlError::Make { path: path.into(), error };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail)?;
        let lock = lock(path)?;
        remove_stale(path).map_err(fail)?;
        let listener = listen(path, folder).map_err(fail)?;
        Ok(ControlSocket { path: path.into(), listener, _lock: lock })
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Who has taken it away already has done what is to be done.
        let _ = fs::remove_file(&self.path);
    }
}

/// Two brokers that start at once do not both get it. The file stays, for a lock on a file that is gone
/// would be no lock.
fn lock(path: &Path) -> Result<File, ControlError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    // It is emptied: no link may lead to a file of somebody else.
    options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    let fail = |error| ControlError::Make { path: path.into(), error };
    let mut file = options.open(name).map_err(fail)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            // It is only to be shown.
            let _ = file.read_to_string(&mut holder);
            let process = holder.trim().parse().ok();
            return Err(ControlError::InUse { path: path.into(), process });
        }
        Err(error) => return Err(fail(error.into())),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(fail)?;
    Ok(file)
}

/// What a broker has left that did not end in good order.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => Err(io::Error::other("there is something else at this path, which is no socket")),
    }
}

fn listen(path: &Path, folder: &Path) -> io::Result<UnixListener> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Before it has a name, so that nobody else can ever connect.
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    let folder = File::open(folder)?;
    socket.bind(&SockAddr::unix(short(path, &folder))?)?;
    socket.listen(16)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// A path that the system takes, to the file that `path` is in `folder`.
fn short(path: &Path, folder: &File) -> PathBuf {
    match path.file_name() {
        Some(name) if path.as_os_str().len() > LONGEST => {
            Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name)
        }
        _ => path.into(),
    }
}

/// Connects to a control socket, however long its path is. Blocks for a moment.
///
/// # Errors
/// If nobody listens there, or this user may not.
pub fn connect(path: &Path) -> io::Result<std::os::unix::net::UnixStream> {
    if path.as_os_str().len() <= LONGEST {
        return std::os::unix::net::UnixStream::connect(path);
    }
    let folder = File::open(path.parent().unwrap_or(Path::new(".")))?;
    std::os::unix::net::UnixStream::connect(short(path, &folder))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_its_user_may_use_it_and_it_goes_with_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let long = "a-folder-with-a-rather-long-name".repeat(5);
        for path in [dir.path().join("data/a.sock"), dir.path().join(long).join("b.sock")] {
            let socket = ControlSocket::make(&path).unwrap();
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
            connect(&path).unwrap();
            drop(socket);
            assert!(!path.exists());
            assert!(connect(&path).is_err());
        }
    }

    #[test]
    fn a_lock_that_is_a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a.sock"), dir.path().join("precious"));
        fs::write(&other, "x").unwrap();
        std::os::unix::fs::symlink(&other, dir.path().join("a.sock.lock")).unwrap();
        assert!(ControlSocket::make(&path).is_err());
        assert_eq!(fs::read_to_string(&other).unwrap(), "x");
    }

    #[test]
    fn another_owner_is_told_and_what_a_dead_one_has_left_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sock");
        let socket = ControlSocket::make(&path).unwrap();
        let error = ControlSocket::make(&path).err().unwrap().to_string();
        let holder = format!("another broker (process {}) has the control", std::process::id());
        assert!(error.contains(&holder), "{error}");
        connect(&path).unwrap();
        drop(socket);
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(ControlSocket::make(&path).unwrap());
        fs::write(&path, "something else").unwrap();
        let error = ControlSocket::make(&path).err().unwrap().to_string();
        assert!(error.contains("there is something else at this path"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "something else");
    }
}
