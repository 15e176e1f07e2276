//! The certificate browsers see: the operator's own, or a self-signed one made on first start.

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{config::Tls, secrets::write_private};

/// The certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file cannot be read or written.
    #[error("{path}: {reason}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The key does not fit the certificate, or rustls cannot use one of them.
    #[error("certificate and key do not work together: {0}")]
    Mismatch(#[from] rustls::Error),
    /// No certificate could be made.
    #[error("no self-signed certificate could be made: {0}")]
    Making(#[from] rcgen::Error),
}

/// Where certificate and key lie: where the operator said, or in the data folder.
pub fn places(tls: &Tls, data: &Path) -> (PathBuf, PathBuf) {
    match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        _ => (data.join("tls/certificate.pem"), data.join("tls/key.pem")),
    }
}

/// What a connection is offered: TLS 1.2 and 1.3, HTTP/1.1.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn server(tls: &Tls, data: &Path) -> Result<Arc<ServerConfig>, TlsFault> {
    let (certificate, key) = places(tls, data);
    if tls.certificate.is_none() && !certificate.exists() {
        make(tls, &certificate, &key)?;
    }
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|reason| file(&certificate, reason))?;
    let secret = PrivateKeyDer::from_pem_file(&key).map_err(|reason| file(&key, reason))?;
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, secret)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A browser that stays for hours needs no tickets for 0-RTT, which could be replayed.
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// Seconds since the epoch between which the certificate is valid.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn validity(path: &Path) -> Result<(i64, i64), TlsFault> {
    let certificate = CertificateDer::from_pem_file(path).map_err(|reason| file(path, reason))?;
    let (_, parsed) =
        X509Certificate::from_der(&certificate).map_err(|reason| file(path, reason))?;
    let validity = parsed.validity();
    Ok((validity.not_before.timestamp(), validity.not_after.timestamp()))
}

fn make(tls: &Tls, certificate: &Path, key: &Path) -> Result<(), TlsFault> {
    let made = rcgen::generate_simple_self_signed(tls.names.clone())?;
    let write = |path: &Path, text: String| -> io::Result<()> {
        std::fs::create_dir_all(path.parent().unwrap_or(path))?;
        // One of a pair whose other half was removed, or never written: both are made anew.
        match std::fs::remove_file(path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            _ => {}
        }
        write_private(path, text.as_bytes())
    };
    // The key first: a certificate without its key would look like the operator's own mistake.
    write(key, made.signing_key.serialize_pem()).map_err(|reason| file(key, reason))?;
    write(certificate, made.cert.pem()).map_err(|reason| file(certificate, reason))
}

fn file(path: &Path, reason: impl std::fmt::Display) -> TlsFault {
    TlsFault::File { path: path.into(), reason: reason.to_string() }
}
