//! Where the node is, and how a stream to it is made.

use anyhow::{Context, Result, bail};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::Path,
    sync::Arc,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// A stream of bytes to the node, sealed or (for a node inside a test) plain.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Where the node is. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Site {
    /// `https://host:port`: what a browser says as its origin.
    pub(crate) origin: Arc<str>,
    /// `host:port`.
    pub(crate) host: Arc<str>,
    addresses: Arc<[SocketAddr]>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Site {
    /// Understands the address and prepares trust in it.
    pub(crate) fn new(url: &str, insecure: bool, roots: &Path) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").context("a site is https://host:port")?;
        let host = rest.trim_end_matches('/');
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let with_port = if name == host { format!("{host}:443") } else { host.to_owned() };
        let addresses: Arc<[SocketAddr]> = with_port
            .to_socket_addrs()
            .with_context(|| format!("{name} has no address"))?
            .collect();
        let near = addresses.iter().all(|address| address.ip().is_loopback());
        if (insecure || scheme != "https") && !near {
            bail!(
                "{name} is not this machine: --insecure and http are for loopback addresses only"
            );
        }
        let tls = match scheme {
            "https" => {
                let name = name.trim_matches(['[', ']']).to_owned();
                let config = Arc::new(trust(insecure, roots)?);
                Some((TlsConnector::from(config), ServerName::try_from(name)?))
            }
            "http" => None,
            _ => bail!("a site is https://host:port"),
        };
        let origin = format!("{scheme}://{host}").into();
        Ok(Self { origin, host: host.into(), addresses, tls })
    }

    /// A new stream, ready to speak HTTP.
    pub(crate) async fn connect(&self) -> Result<Box<dyn Stream>> {
        let stream =
            TcpStream::connect(&self.addresses[..]).await.context("the node does not listen")?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some((tls, name)) => {
                let sealed =
                    tls.connect(name.clone(), stream).await.context("no TLS with the node")?;
                Ok(Box::new(sealed))
            }
        }
    }
}

fn trust(insecure: bool, roots: &Path) -> Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .context("the cryptography of this build is complete")?;
    if insecure {
        let builder = builder.dangerous();
        let anyone = Arc::new(Anyone(provider));
        return Ok(builder.with_custom_certificate_verifier(anyone).with_no_client_auth());
    }
    let mut store = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(roots)
        .with_context(|| format!("{}: name a file with --roots", roots.display()))?;
    store.add_parsable_certificates(certificates.flatten());
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

/// Trusts whoever answers. [`Site::new`] lets it near loopback addresses only.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end: &CertificateDer<'_>,
        _between: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_without_proof_stays_on_this_machine() {
        let roots = Path::new("none");
        assert!(Site::new("https://127.0.0.1:1", true, roots).is_ok());
        assert!(Site::new("https://192.0.2.1:1", true, roots).is_err());
        assert!(Site::new("http://192.0.2.1:1", false, roots).is_err());
        assert!(Site::new("ftp://127.0.0.1:1", false, roots).is_err());
        assert!(Site::new("127.0.0.1", false, roots).is_err());
    }
}
