//! A browser, as far as a node can tell: TLS, HTTP/1.1, a cookie, a socket.
//!
//! Its only root of trust is the node's own certificate; nothing is waved through. Every wait has
//! an end, and an end without what was waited for is a failure of the test.
//!
//! Nothing here retries: what a test sees is what the node did.

mod socket;
mod wire;

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::{Value, json};
use std::{future::Future, io, net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub use socket::{Socket, Ws, frame, say};
pub use wire::Answer;

/// How long anything is waited for: far beyond what a busy machine needs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits, but not for ever.
///
/// # Panics
/// When it does not come.
pub async fn soon<T>(what: &str, waited: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, waited).await {
        Ok(came) => came,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}

/// A node, seen from outside.
#[derive(Clone)]
pub struct Site {
    /// Where it listens.
    pub address: SocketAddr,
    /// What stands in `Host` and, after `https://`, in `Origin`.
    pub host: String,
    /// Whom to trust.
    pub tls: Arc<ClientConfig>,
    /// Bytes that this machine takes in ahead of who reads them; nothing for its own default.
    pub window: Option<u32>,
}

impl Site {
    /// The node that listens here and keeps its certificate in this data folder.
    ///
    /// # Panics
    /// When the certificate cannot be read.
    pub fn of(address: SocketAddr, data: &Path) -> Self {
        let roots = Self::roots(data);
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let host = format!("localhost:{}", address.port());
        Self { address, host, tls: Arc::new(tls), window: None }
    }

    /// The node's own certificate, as the only root.
    ///
    /// # Panics
    /// When the certificate cannot be read.
    pub fn roots(data: &Path) -> RootCertStore {
        // The first to come chooses the provider; all choose the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let path = data.join("tls/certificate.pem");
        let own = CertificateDer::from_pem_file(path).expect("the node made a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(own).expect("the node's certificate can be a root");
        roots
    }

    /// A TCP connection on which nothing was said.
    ///
    /// # Errors
    /// What the system says.
    pub async fn tcp(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = self.window {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.connect(self.address).await
    }

    /// A connection after its handshake.
    ///
    /// # Errors
    /// What the system or TLS says.
    pub async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        TlsConnector::from(self.tls.clone()).connect(name, self.tcp().await?).await
    }

    /// Says these bytes on a connection of their own and reads to its end.
    ///
    /// # Panics
    /// When there is no whole answer in time.
    pub async fn say(&self, request: &[u8]) -> Answer {
        let mut stream = soon("a connection", self.connect()).await.expect("the node accepts");
        // A node that refuses a long request may stop reading it; its answer is what counts.
        let _ = stream.write_all(request).await;
        let mut bytes = Vec::new();
        let read = soon("an answer", stream.read_to_end(&mut bytes)).await;
        let answer = Answer::read(&bytes, request.starts_with(b"HEAD "));
        answer
            .unwrap_or_else(|| panic!("no answer: {read:?} {:?}", String::from_utf8_lossy(&bytes)))
    }

    /// The same in plain TCP, without TLS.
    ///
    /// # Panics
    /// When there is no whole answer in time.
    pub async fn say_plainly(&self, request: &[u8]) -> Answer {
        let mut stream = soon("a connection", self.tcp()).await.expect("the node accepts");
        stream.write_all(request).await.expect("a few bytes are taken");
        let mut bytes = Vec::new();
        soon("an answer", stream.read_to_end(&mut bytes)).await.expect("the answer ends well");
        Answer::read(&bytes, false).expect("an answer")
    }
}

/// One browser: one cookie.
#[derive(Clone)]
pub struct Browser {
    /// Where it is.
    pub site: Site,
    /// The session's cookie, `name=value`.
    pub cookie: Option<String>,
}

impl Browser {
    /// A browser nobody knows.
    pub fn new(site: &Site) -> Self {
        Self { site: site.clone(), cookie: None }
    }

    /// A browser with this cookie value.
    pub fn with_cookie(site: &Site, value: &str) -> Self {
        Self { site: site.clone(), cookie: Some(format!("__Host-konsil={value}")) }
    }

    /// The same browser, before a node that moved.
    pub fn at(&self, site: &Site) -> Self {
        Self { site: site.clone(), cookie: self.cookie.clone() }
    }

    /// Signs in.
    ///
    /// # Panics
    /// When the node says no.
    pub async fn sign_in(site: &Site, login: &str, password: &str) -> Self {
        let mut browser = Self::new(site);
        let form = json!({ "login": login, "password": password });
        let answer = browser.post("/api/sign-in", form).await;
        assert_eq!(answer.status, 204, "{answer:?}");
        browser.cookie = answer.cookie();
        browser
    }

    /// Opens a guest link (its whole address, or its secret part) and enters under a name.
    ///
    /// # Panics
    /// When the node says no.
    pub async fn enter(site: &Site, link: &str, name: &str) -> Self {
        let mut browser = Self::new(site);
        let form = json!({ "link": secret_of(link), "name": name });
        let answer = browser.post("/api/enter", form).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        browser.cookie = answer.cookie();
        browser
    }

    /// The cookie's value.
    ///
    /// # Panics
    /// When there is none.
    pub fn value(&self) -> &str {
        let pair = self.cookie.as_deref().and_then(|cookie| cookie.split_once('='));
        pair.expect("a browser with a session").1
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"").await
    }

    /// `POST` of a JSON value from the site's own page.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        let origin = format!("https://{}", self.site.host);
        let headers = [("Origin", origin.as_str()), ("Content-Type", "application/json")];
        self.request("POST", path, &headers, body.to_string().as_bytes()).await
    }

    /// Any request, with its length and the cookie.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut request = self.head(method, path, headers);
        request += &format!("Content-Length: {}\r\n\r\n", body.len());
        self.site.say(&[request.as_bytes(), body].concat()).await
    }

    /// The head of a request, without the empty line that ends it.
    pub fn head(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
        let host = &self.site.host;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        if let Some(cookie) = &self.cookie {
            head += &format!("Cookie: {cookie}\r\n");
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head
    }
}

/// The part of a guest link after the `#`, or the whole when there is none.
pub fn secret_of(link: &str) -> &str {
    link.split_once('#').map_or(link, |(_, secret)| secret)
}
