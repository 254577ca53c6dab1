//! Where the host connects: a unix socket that no other user can reach. Where there are none, a port of the loopback
//! interface, which every user of the machine can reach: only with the host's certificate, or where somebody said so.

use std::io;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

#[cfg(unix)]
use super::handshake::variable;
use super::handshake::{Address, Terms};

/// A connection of either kind, in plain text or not. One type for all, so that the HTTP machinery is compiled once.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Why there is no port without TLS.
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
        let nowhere = match unix::open(terms)? {
            Ok(door) => return Ok(door),
            Err(nowhere) => nowhere,
        };
        #[cfg(not(unix))]
        let nowhere = OPEN_TO_ALL.to_owned();
        may_open_a_port(terms, nowhere)?;
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
fn may_open_a_port(terms: &Terms, nowhere: String) -> io::Result<()> {
    match &terms.client_certificate {
        None if !terms.open_to_every_user => Err(io::Error::other(nowhere)),
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
            assert_eq!(may_open_a_port(&terms, String::new()).is_ok(), opens, "{terms:?}");
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

    use super::{Address, Door, Listener, Terms, variable};

    /// Names the directory for temporary files.
    const TEMPORARY: &str = "TMPDIR";

    /// Operating systems allow 104 to 108 bytes.
    const PATH_BYTES: usize = 100;

    /// A socket in a fresh directory of its own that no other user can enter; or why it can live nowhere.
    pub(super) fn open(terms: &Terms) -> io::Result<Result<Door, String>> {
        let usual = |me| [PathBuf::from(format!("/run/user/{me}")), PathBuf::from("/tmp")];
        Ok(match place(terms, usual)? {
            Ok((dir, path)) => {
                let listener = tokio::net::UnixListener::bind(&path)?;
                Ok(Door { listener: Listener::Unix(listener), address: Address::Unix(path), _dir: Some(dir) })
            }
            Err(nowhere) => Err(nowhere),
        })
    }

    /// The socket's directory and path: where the host or TMPDIR says or, if it cannot live there, where it usually can, which
    /// depends on the user.
    fn place(terms: &Terms, usual: impl FnOnce(u32) -> [PathBuf; 2]) -> io::Result<Result<(TempDir, PathBuf), String>> {
        let (name, wanted) = if let Some(dir) = &terms.socket_dir {
            ("PLUGIN_UNIX_SOCKET_DIR", dir.clone())
        } else {
            // Empty is unset here as everywhere, and then hosts and their plugins take this one.
            let given = variable(TEMPORARY).filter(|dir| !dir.is_empty());
            (TEMPORARY, PathBuf::from(given.as_deref().unwrap_or("/tmp")))
        };
        // Where there is TLS, whoever puts another socket there has no certificate to show.
        let is_open = terms.client_certificate.is_none();
        let dir = private_dir(&wanted).map_err(|error| {
            let text =
                format!("{name} is {}, where no directory for its socket can be made: {error}", wanted.display());
            io::Error::new(error.kind(), text)
        })?;
        let me = tempfile::tempfile_in(&wanted)?.metadata()?.uid();
        let why = match socket_in(&dir, me, is_open) {
            Ok(path) => return Ok(Ok((dir, path))),
            Err(why) => why,
        };
        drop(dir);
        let mut elsewhere = usual(me).into_iter().filter_map(|place| private_dir(&place).ok());
        let found = elsewhere.find_map(|dir| socket_in(&dir, me, is_open).ok().map(|path| (dir, path)));
        Ok(found.ok_or_else(|| {
            format!(
                "no directory can hold a socket that only you can reach, and without TLS a port would let every user of this \
                 machine act as you. {name} is {}, and {why}; set it to a directory with a short path that only you, or \
                 root, can change, all the way up",
                wanted.display()
            )
        }))
    }

    /// A new directory of mode 0700. It is made so: there is no moment in which others could enter.
    fn private_dir(parent: &Path) -> io::Result<TempDir> {
        tempfile::Builder::new().prefix("tf").permissions(Permissions::from_mode(0o700)).tempdir_in(parent)
    }

    /// The socket's path in a directory, or why it cannot be there.
    fn socket_in(dir: &TempDir, me: u32, is_open: bool) -> Result<PathBuf, String> {
        if is_open {
            unchanging(dir.path(), me)?;
        }
        let path = std::path::absolute(dir.path().join("s")).ok().filter(|path| announceable(path));
        path.ok_or_else(|| {
            "the path of a socket in it is too long, or has characters that Terraform cannot be told".to_owned()
        })
    }

    /// Whether nobody but this user and root can put something else under this path: every directory on the way, links
    /// resolved, belongs to them, and others may write into it only if they cannot rename what is not theirs (the sticky
    /// bit). Else why not.
    fn unchanging(path: &Path, me: u32) -> Result<(), String> {
        let whole = fs::canonicalize(path).map_err(|error| format!("it cannot be followed: {error}"))?;
        for dir in whole.ancestors() {
            let about =
                fs::symlink_metadata(dir).map_err(|error| format!("{} cannot be looked at: {error}", dir.display()))?;
            if !about.is_dir() || ![0, me].contains(&about.uid()) {
                return Err(format!("{} belongs to another user, who could put another socket there", dir.display()));
            }
            let mode = about.mode();
            if mode & 0o022 != 0 && mode & 0o1000 == 0 {
                return Err(format!(
                    "other users may write into {} (mode {:04o}, without the sticky bit) and could put another socket there",
                    dir.display(),
                    mode & 0o7777
                ));
            }
        }
        Ok(())
    }

    /// Whether it fits the system's limit and, as text, a field of the handshake line.
    fn announceable(path: &Path) -> bool {
        path.as_os_str().len() <= PATH_BYTES
            && path.to_str().is_some_and(|text| !text.contains(['|', '\n', '\r']) && text.trim() == text)
    }

    #[cfg(test)]
    mod tests {
        use super::super::may_open_a_port;
        use super::*;

        #[test]
        fn a_path_must_fit_the_system_and_the_line() {
            let long = format!("/{}", "x".repeat(PATH_BYTES));
            for (path, fits) in [("/tmp/tf1/s", true), (&long, false), ("/tmp/a|b/s", false), ("/tmp/a\nb/s", false)] {
                assert_eq!(announceable(Path::new(path)), fits, "{path}");
            }
        }

        fn at(door: &Door) -> PathBuf {
            let Address::Unix(path) = door.address() else { panic!("{door:?}") };
            path.clone()
        }

        /// A directory that anybody may write into, or only below another such.
        fn open_to_others(dir: &Path, mode: u32) -> PathBuf {
            let open = dir.join("open");
            let inner = open.join("inner");
            fs::create_dir_all(&inner).unwrap();
            // Whatever the umask of whoever runs the tests.
            for (dir, mode) in [(dir, 0o755), (&open, mode), (&inner, 0o755)] {
                fs::set_permissions(dir, Permissions::from_mode(mode)).unwrap();
            }
            inner
        }

        #[tokio::test]
        async fn without_tls_a_socket_lives_only_where_nobody_else_can_put_another_in_its_place() {
            // Whatever folder for temporary files the tests are told to use: how long its path is, and who may write, matter here.
            let dir = tempfile::tempdir_in("/tmp").unwrap();
            for (mode, stays) in [(0o777, false), (0o775, false), (0o1777, true), (0o755, true), (0o700, true)] {
                let wanted = open_to_others(dir.path(), mode);
                let link = dir.path().join("link");
                let _ = std::os::unix::fs::symlink(&wanted, &link);
                for wanted in [&wanted, wanted.parent().unwrap(), &link] {
                    let terms = Terms { socket_dir: Some(wanted.to_owned()), ..Terms::default() };
                    let path = at(&Door::open(&terms).unwrap());
                    assert_eq!(path.starts_with(wanted), stays, "{mode:o}: {path:?}");
                    // Where there is TLS, the host's choice counts.
                    let path = at(&Door::open(&Terms { client_certificate: Some(vec![0].into()), ..terms }).unwrap());
                    assert!(path.starts_with(wanted), "{mode:o}: {path:?}");
                }
                let kept = fs::read_dir(&wanted).unwrap().count();
                assert_eq!(kept, 0, "nothing is left behind");
            }
        }

        #[test]
        fn who_could_change_a_directory_is_told() {
            let dir = tempfile::tempdir().unwrap();
            let me = fs::metadata(dir.path()).unwrap().uid();
            let inner = open_to_others(dir.path(), 0o777);
            let said = unchanging(&inner, me).unwrap_err();
            assert!(said.contains("/open (mode 0777, without the sticky bit)"), "{said}");
            // Root can give a directory away; for anybody else, it is the others whose it is not.
            let other = dir.path().join("other");
            fs::create_dir(&other).unwrap();
            fs::set_permissions(&other, Permissions::from_mode(0o755)).unwrap();
            let looks =
                if me == 0 { std::os::unix::fs::chown(&other, Some(1), None).map(|()| 0).unwrap() } else { me + 1 };
            let said = unchanging(&other, looks).unwrap_err();
            assert!(said.contains("belongs to another user"), "{said}");
            assert_eq!(unchanging(Path::new("/"), me), Ok(()));

            let terms = Terms { socket_dir: Some(inner.clone()), ..Terms::default() };
            let nowhere = place(&terms, |_| [inner.clone(), inner.clone()]).unwrap().unwrap_err();
            assert!(nowhere.contains("PLUGIN_UNIX_SOCKET_DIR is /") && nowhere.contains("(mode 0777"), "{nowhere}");
            let refused = may_open_a_port(&terms, nowhere.clone()).unwrap_err();
            assert_eq!(refused.to_string(), nowhere);
            assert_eq!(fs::read_dir(inner).unwrap().count(), 0);
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
