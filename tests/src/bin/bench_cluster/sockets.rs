//! WebSockets to whoever is measured, plain or with TLS, set up as those of our own people are.

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{ClientRequestBuilder, Message, http::Uri, protocol::WebSocketConfig},
};

/// How long an answer may take while somebody says hello.
const HELLO: Duration = Duration::from_secs(30);

/// Bytes both ways, sealed or plain.
pub(crate) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// A socket after its handshake.
pub(crate) type Socket = WebSocketStream<Box<dyn Bytes>>;

/// Where sockets go.
#[derive(Clone)]
pub(crate) struct Place {
    at: SocketAddr,
    path: &'static str,
    protocol: Option<&'static str>,
    tls: Option<TlsConnector>,
}

/// Who trusts this certificate alone.
pub(crate) fn trusting(certificate: &Path) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

impl Place {
    /// A place without encryption.
    pub(crate) fn plain(
        at: SocketAddr,
        path: &'static str,
        protocol: Option<&'static str>,
    ) -> Self {
        Self { at, path, protocol, tls: None }
    }

    /// A place whose certificate this is.
    pub(crate) fn sealed(at: SocketAddr, certificate: &Path) -> Result<Self> {
        let tls = Some(TlsConnector::from(trusting(certificate)?));
        Ok(Self { at, path: "/", protocol: None, tls })
    }

    /// A new socket.
    pub(crate) async fn open(&self) -> Result<Socket> {
        let stream = TcpStream::connect(self.at).await?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Bytes> = match &self.tls {
            None => Box::new(stream),
            Some(tls) => Box::new(tls.connect(ServerName::try_from("localhost")?, stream).await?),
        };
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        let uri: Uri = format!("{scheme}://localhost:{}{}", self.at.port(), self.path).parse()?;
        let mut request = ClientRequestBuilder::new(uri);
        if let Some(protocol) = self.protocol {
            request = request.with_sub_protocol(protocol);
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(16 * 1024)
            .write_buffer_size(0)
            .max_write_buffer_size(4 * 1024 * 1024);
        let (socket, _) = client_async_with_config(request, stream, Some(config)).await?;
        Ok(socket)
    }
}

/// Reads until a frame says what is waited for.
pub(crate) async fn until(socket: &mut Socket, mark: &str) -> Result<()> {
    let heard = async {
        while let Some(frame) = socket.next().await {
            let bytes = frame?.into_data();
            if String::from_utf8_lossy(&bytes).contains(mark) {
                return Ok(());
            }
        }
        anyhow::bail!("the server hung up before it said {mark}")
    };
    let heard = tokio::time::timeout(HELLO, heard).await;
    heard.with_context(|| format!("nobody said {mark} in time"))?
}

/// Says something as one frame of text.
pub(crate) async fn say(socket: &mut Socket, text: String) -> Result<()> {
    Ok(socket.send(Message::text(text)).await?)
}

/// A certificate for this machine and its key, made for one run.
pub(crate) fn certificate(folder: &Path) -> Result<(PathBuf, PathBuf)> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem())?;
    std::fs::write(&key, made.signing_key.serialize_pem())?;
    Ok((certificate, key))
}
