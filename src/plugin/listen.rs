//! Where the host connects: a unix socket that no other user can reach. Where there are none, a port of the loopback
//! interface, which every user of the machine can reach: only with the host's certificate, or where somebody said so.

use std::io;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use super::handshake::{Address, Terms};

/// A connection of either kind, in plain text or not. One type for all, so that the HTTP machinery is compiled once.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Why there is no port without TLS.
#[cfg(unix)]
const OPEN_TO_ALL: &str = "no directory can hold a socket that only you can reach, and without TLS a port would let every \
                           user of this machine act as you; set TMPDIR to a directory with a short path that you can write to";
#[cfg(not(unix))]
const OPEN_TO_ALL: &str = "without TLS its port would let every user of this machine act as you; unset \
                           TF_DISABLE_PLUGIN_TLS, or add --open-to-every-user to --debug if you are the only one";

/// A listening socket. The operating system queues connections from the moment it exists.
#[derive(Debug)]
pub(super) struct Door {
    listener: Listener,
    address: Address,
    /// The directory that holds a unix socket and nothing else; removed on drop, the socket with it.
    _dir: Option<TempDir>,
}

#[derive(Debug)]
enum Listener {
    #[cfg(unix)]
    Unix(tokio::net::UnixListener),
    Tcp(TcpListener),
}

impl Door {
    /// Opens one as the host wants it. Needs a runtime around it.
    pub(super) fn open(terms: &Terms) -> io::Result<Self> {
        #[cfg(unix)]
        if let Some(door) = unix::open(terms)? {
            return Ok(door);
        }
        may_open_a_port(terms)?;
        let listener = bind_first(&terms.ports)?;
        let address = Address::Tcp(listener.local_addr()?);
        listener.set_nonblocking(true)?;
        Ok(Door { listener: Listener::Tcp(TcpListener::from_std(listener)?), address, _dir: None })
    }

    /// Where it is.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<Box<dyn Wire>> {
        Ok(match &self.listener {
            #[cfg(unix)]
            Listener::Unix(listener) => Box::new(listener.accept().await?.0),
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        })
    }
}

/// Every user of the machine can reach a port.
fn may_open_a_port(terms: &Terms) -> io::Result<()> {
    match &terms.client_certificate {
        None if !terms.open_to_every_user => Err(io::Error::other(OPEN_TO_ALL)),
        _ => Ok(()),
    }
}

/// The first port that is free.
fn bind_first(ports: &RangeInclusive<u16>) -> io::Result<std::net::TcpListener> {
    let mut problem = None;
    for port in ports.clone() {
        match std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) => problem = Some(error),
        }
    }
    Err(problem.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
}

#[cfg(test)]
mod port_tests {
    use super::*;

    /// As where there are no sockets.
    #[test]
    fn a_port_is_opened_only_with_tls_or_for_who_said_so() {
        let certificate = Some(vec![0].into());
        for (terms, opens) in [
            (Terms::default(), false),
            (Terms { client_certificate: certificate, ..Terms::default() }, true),
            (Terms { open_to_every_user: true, ..Terms::default() }, true),
        ] {
            assert_eq!(may_open_a_port(&terms).is_ok(), opens, "{terms:?}");
        }
    }
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, Permissions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::{Path, PathBuf};

    use tempfile::TempDir;

    use super::{Address, Door, Listener, Terms};

    /// Operating systems allow 104 to 108 bytes.
    const PATH_BYTES: usize = 100;

    /// A socket in a fresh directory of its own that no other user can enter; `None` if it can live nowhere.
    pub(super) fn open(terms: &Terms) -> io::Result<Option<Door>> {
        let Some((dir, path)) = place(terms)? else { return Ok(None) };
        let listener = tokio::net::UnixListener::bind(&path)?;
        Ok(Some(Door { listener: Listener::Unix(listener), address: Address::Unix(path), _dir: Some(dir) }))
    }

    /// The socket's directory and path: where the host or TMPDIR says or, if the path is too long there, where it is
    /// usually short.
    fn place(terms: &Terms) -> io::Result<Option<(TempDir, PathBuf)>> {
        let (variable, wanted) = match &terms.socket_dir {
            Some(dir) => ("PLUGIN_UNIX_SOCKET_DIR", dir.clone()),
            None => (
                "TMPDIR",
                Some(std::env::temp_dir()).filter(|dir| is_set(dir)).unwrap_or_else(|| PathBuf::from("/tmp")),
            ),
        };
        let dir = private_dir(&wanted).map_err(|error| {
            let text =
                format!("{variable} is {}, where no directory for its socket can be made: {error}", wanted.display());
            io::Error::new(error.kind(), text)
        })?;
        let own = PathBuf::from(format!("/run/user/{}", fs::metadata(dir.path())?.uid()));
        if let Some(path) = socket_in(&dir) {
            return Ok(Some((dir, path)));
        }
        let mut elsewhere = [own, PathBuf::from("/tmp")].into_iter().filter_map(|place| private_dir(&place).ok());
        Ok(elsewhere.find_map(|dir| socket_in(&dir).map(|path| (dir, path))))
    }

    /// Empty is unset here as everywhere; to the library it would be the working directory.
    fn is_set(path: &Path) -> bool {
        !path.as_os_str().is_empty()
    }

    /// A new directory of mode 0700. It is made so: there is no moment in which others could enter.
    fn private_dir(parent: &Path) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix("tf").permissions(Permissions::from_mode(0o700)).tempdir_in(parent)
    }

    fn socket_in(dir: &TempDir) -> Option<PathBuf> {
        std::path::absolute(dir.path().join("s")).ok().filter(|path| announceable(path))
    }

    /// Whether it fits the system's limit and, as text, a field of the handshake line.
    fn announceable(path: &Path) -> bool {
        path.as_os_str().len() <= PATH_BYTES
            && path.to_str().is_some_and(|text| !text.contains(['|', '\n', '\r']) && text.trim() == text)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_path_must_fit_the_system_and_the_line() {
            let long = format!("/{}", "x".repeat(PATH_BYTES));
            for (path, fits) in [("/tmp/tf1/s", true), (&long, false), ("/tmp/a|b/s", false), ("/tmp/a\nb/s", false)] {
                assert_eq!(announceable(Path::new(path)), fits, "{path}");
            }
        }

        #[tokio::test]
        async fn where_no_socket_fits_it_lives_elsewhere_and_nothing_is_left_behind() {
            let dir = tempfile::tempdir().unwrap();
            let deep = dir.path().join("x".repeat(PATH_BYTES));
            fs::create_dir(&deep).unwrap();
            let door = Door::open(&Terms { socket_dir: Some(deep.clone()), ..Terms::default() }).unwrap();
            let Address::Unix(path) = door.address().clone() else { panic!("{door:?}") };
            let mode = fs::metadata(path.parent().unwrap()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{path:?}");
            assert_eq!(fs::read_dir(deep).unwrap().count(), 0);
        }
    }
}
