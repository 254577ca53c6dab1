//! A web server with a certificate of an authority of its own: a folder of files, and an OCI image layout as a registry
//! of containers hands it out.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A server that runs as long as it is held.
pub(crate) struct Shelf {
    pub(crate) address: SocketAddr,
    /// The authority's certificate, for `SSL_CERT_FILE`.
    pub(crate) authority: String,
    asked: Arc<Mutex<Vec<String>>>,
    _runtime: tokio::runtime::Runtime,
}

/// What it serves.
struct Goods {
    files: PathBuf,
    /// The layout, and the name of the repository that it is.
    layout: PathBuf,
    repository: String,
}

impl Shelf {
    /// Serves the files of a folder, and beside them a layout as the repository of that name.
    pub(crate) fn serve(files: &Path, layout: &Path, repository: &str) -> Self {
        let key = || KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::new(Vec::new()).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = key();
        let root = authority.self_signed(&authority_key).expect("a certificate");
        let issuer = Issuer::new(authority, authority_key);
        let own_key = key();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let own = CertificateParams::new(names).expect("names").signed_by(&own_key, &issuer).expect("a certificate");
        let own_key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], own_key)
            .expect("the key belongs to the certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let goods = Goods { files: files.to_owned(), layout: layout.to_owned(), repository: repository.to_owned() };
        let (goods, asked) = (Arc::new(goods), Arc::new(Mutex::new(Vec::new())));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let journal = Arc::clone(&asked);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, acceptor.clone(), Arc::clone(&goods), Arc::clone(&journal)));
            }
        });
        Shelf { address, authority: pem(root.der()), asked, _runtime: runtime }
    }

    /// The paths that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with it").clone()
    }
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

/// One request for each connection.
async fn converse(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    goods: Arc<Goods>,
    asked: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let mut wire = BufReader::new(acceptor.accept(stream).await?);
    let mut line = String::new();
    wire.read_line(&mut line).await?;
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    loop {
        let mut header = String::new();
        if wire.read_line(&mut header).await? == 0 || header.trim().is_empty() {
            break;
        }
    }
    let path = target.split('?').next().unwrap_or_default().to_owned();
    asked.lock().expect("nobody panics with it").push(path.clone());
    let (status, kind, body) = goods.answer(&path);
    let digest = format!("sha256:{}", huaweidb_dist::sha256(&body));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nDocker-Content-Digest: {digest}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    wire.write_all(head.as_bytes()).await?;
    if method != "HEAD" {
        wire.write_all(&body).await?;
    }
    wire.flush().await?;
    wire.shutdown().await?;
    let _ = wire.read_to_end(&mut Vec::new()).await;
    Ok(())
}

impl Goods {
    fn answer(&self, path: &str) -> (&'static str, String, Vec<u8>) {
        let found = match path.strip_prefix("/v2/").and_then(|rest| rest.strip_prefix(&self.repository)) {
            Some(rest) => self.registry(rest),
            None => fs::read(self.files.join(path.trim_start_matches('/'))).ok().map(|body| {
                let is_json = Path::new(path).extension().is_some_and(|ending| ending == "json");
                ((if is_json { "application/json" } else { "application/zip" }).to_owned(), body)
            }),
        };
        match found {
            Some((kind, body)) => ("200 OK", kind, body),
            None if path == "/v2/" => ("200 OK", "application/json".to_owned(), b"{}".to_vec()),
            None => ("404 Not Found", "application/json".to_owned(), b"{}".to_vec()),
        }
    }

    /// The part of the distribution protocol that reads.
    fn registry(&self, path: &str) -> Option<(String, Vec<u8>)> {
        let json = |bytes: &[u8]| serde_json::from_slice::<Json>(bytes).ok();
        let top = json(&fs::read(self.layout.join("index.json")).ok()?)?;
        let tagged = top["manifests"].as_array()?;
        let tag = |one: &Json| one["annotations"]["org.opencontainers.image.ref.name"].as_str().map(str::to_owned);
        let blob = |digest: &str| fs::read(self.layout.join("blobs").join(digest.replace(':', "/"))).ok();
        if path == "/tags/list" {
            let tags: Vec<_> = tagged.iter().filter_map(tag).collect();
            return Some((
                "application/json".to_owned(),
                json!({ "name": self.repository, "tags": tags }).to_string().into(),
            ));
        }
        if let Some(digest) = path.strip_prefix("/blobs/") {
            return Some(("application/octet-stream".to_owned(), blob(digest)?));
        }
        let reference = path.strip_prefix("/manifests/")?;
        let named = tagged.iter().find(|one| tag(one).as_deref() == Some(reference));
        let body = blob(named.map_or(Some(reference), |one| one["digest"].as_str())?)?;
        Some((json(&body)?["mediaType"].as_str()?.to_owned(), body))
    }
}
