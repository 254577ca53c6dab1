//! What a proxy says when it refuses to connect. The client tells only that it did; so the proxy is asked once more, for the
//! status and the kinds of login that it names. Nothing else of its answer is repeated.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::proxy::Proxy;

/// No head of an answer is read further.
const LONGEST_HEAD: usize = 16 * 1024;

/// A refusal of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProxyAnswer {
    pub(super) status: u16,
    /// Whether it takes logins, and none of the basic form.
    pub(super) is_login_unknown: bool,
}

/// Asks a proxy of plain http. With our login only where it was not the login that was refused: each wrong one may count.
pub(super) async fn asked(proxy: &Proxy, target: &Url, with_login: bool, limit: Duration) -> Option<ProxyAnswer> {
    if proxy.url().ok()?.scheme() != "http" {
        return None;
    }
    let host = format!("{}:{}", target.host_str()?, target.port_or_known_default()?);
    let login = proxy
        .login()
        .filter(|_| with_login)
        .map_or_else(String::new, |login| format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(login)));
    let question = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n{login}\r\n");
    let head = timeout(limit, head(&proxy.host().ok()?, &question)).await.ok()??;
    read(&String::from_utf8_lossy(&head))
}

async fn head(address: &str, question: &str) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(question.as_bytes()).await.ok()?;
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while head.len() < LONGEST_HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => head.extend_from_slice(&part[..length]),
            _ => break,
        }
    }
    Some(head)
}

/// The refusal in the head of an answer, if it is one.
fn read(head: &str) -> Option<ProxyAnswer> {
    let mut lines = head.split("\r\n");
    let status =
        lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok().filter(|status| *status >= 300)?;
    let kinds = lines.filter_map(|line| {
        let (name, kind) = line.split_once(':')?;
        name.eq_ignore_ascii_case("proxy-authenticate").then(|| kind.trim().to_ascii_lowercase())
    });
    let kinds: Vec<String> = kinds.collect();
    let is_login_unknown = !kinds.is_empty() && !kinds.iter().any(|kind| kind.starts_with("basic"));
    Some(ProxyAnswer { status, is_login_unknown })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_from_its_head() {
        let answer = |status, is_login_unknown| Some(ProxyAnswer { status, is_login_unknown });
        for (head, expected) in [
            ("HTTP/1.1 403 Forbidden\r\n\r\n", answer(403, false)),
            ("HTTP/1.0 502 Bad\r\nServer: x", answer(502, false)),
            ("HTTP/1.1 407 X\r\nProxy-Authenticate: NTLM\r\nproxy-authenticate:Negotiate\r\n\r\n", answer(407, true)),
            (
                "HTTP/1.1 407 X\r\nProxy-Authenticate: NTLM\r\nproxy-authenticate: basic realm=x\r\n\r\n",
                answer(407, false),
            ),
            ("HTTP/1.1 302 Found\r\nLocation: http://login\r\n\r\n", answer(302, false)),
            ("HTTP/1.1 200 OK\r\n\r\n", None),
            ("HTTP/1.1 hush\r\n\r\n", None),
            ("nonsense", None),
            ("", None),
        ] {
            assert_eq!(read(head), expected, "{head}");
        }
    }
}
