//! The keys of one peer: DTLS makes them, SRTP uses them. Both are `rtc`'s sans-IO cores.
//!
//! This is the narrow edge to the core. Datagrams go in, datagrams and facts come out; nothing
//! else of the media path knows how they are made.
//!
//! # Invariants
//! - **M9** At most [`SSRCS_MAX`] SSRCs ever reach one SRTP context in either direction, because
//!   the context keeps state for each before it can tell whether a packet is genuine.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::crypto::{HashAlgorithm, RTCCrypto, RTCCryptoProvider};
use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc::dtls::crypto::Certificate;
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::dtls::state::State;
use rtc::rtp::Header;
use rtc::shared::TransportProtocol;
use rtc::shared::error::Error;
use rtc::srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc::srtp::context::Context;
use rtc::srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc::srtp::protection_profile::ProtectionProfile;

use super::hello::{Ciphers, Hello};
use super::limits::SSRCS_MAX;
use super::offer::Fingerprint;
use super::rtp::View;
use super::words::MediaFault;

/// Packets this far out of order are still accepted once.
const REPLAY_WINDOW: usize = 1_024;
/// How soon a lost handshake flight is sent again.
const FLIGHT_PAUSE: Duration = Duration::from_millis(250);
/// The first byte of a DTLS record that carries a handshake message.
const HANDSHAKE_RECORD: u8 = 22;
/// The DTLS core knows its peer by an address. Ours may roam, so it is given one name for life.
const PEER_NAME: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

/// The node's certificate and source of chance, shared by all its peers.
pub(super) struct Identity {
    provider: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    /// `AA:BB:…`, for the answer.
    pub(super) fingerprint: String,
}

fn keys(error: impl std::fmt::Display) -> MediaFault {
    MediaFault::Keys(error.to_string())
}

impl Identity {
    /// Makes a certificate. It lives as long as the loop: browsers trust the fingerprint in the
    /// answer, not a name.
    pub(super) fn new() -> Result<Identity, MediaFault> {
        let provider = rtc::crypto::default_provider().map_err(keys)?;
        let names = vec!["konsil".to_owned()];
        let certificate =
            Certificate::generate_self_signed(names, provider.crypto()).map_err(keys)?;
        let der = certificate.certificate.first().ok_or_else(|| keys("no certificate"))?;
        let hash = provider.crypto().hash(HashAlgorithm::Sha256, der).map_err(keys)?;
        let pairs: Vec<String> = hash.iter().map(|byte| format!("{byte:02X}")).collect();
        Ok(Identity { provider, certificate, fingerprint: pairs.join(":") })
    }

    /// Random bytes.
    pub(super) fn random<const N: usize>(&self) -> Result<[u8; N], MediaFault> {
        let mut bytes = [0; N];
        self.provider.random().fill(&mut bytes).map_err(keys)?;
        Ok(bytes)
    }

    /// The primitives, for STUN.
    pub(super) fn crypto(&self) -> &dyn RTCCrypto {
        self.provider.crypto()
    }
}

/// What a handshake datagram led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    /// Keys are agreed and the browser's certificate is the one it offered.
    Ready,
    /// The browser closed.
    Closed,
}

/// One peer's keys.
pub(super) struct Crypt {
    provider: Arc<dyn RTCCryptoProvider>,
    dtls: Endpoint,
    /// Until the first message is read: how to go on when it is.
    start: Option<Start>,
    media: Option<Media>,
}

struct Start {
    hello: Hello,
    gcm: Arc<HandshakeConfig>,
    any: Arc<HandshakeConfig>,
}

struct Media {
    inward: Context,
    outward: Context,
    known_in: HashSet<u32>,
    known_out: HashSet<u32>,
    /// Tells the cipher a header's length; the core reads nothing else of it.
    head: Header,
}

impl Crypt {
    /// Waits for the browser whose certificate has this fingerprint.
    pub(super) fn new(identity: &Identity, theirs: Fingerprint) -> Result<Crypt, MediaFault> {
        use SrtpProtectionProfile::{
            Srtp_Aead_Aes_128_Gcm, Srtp_Aead_Aes_256_Gcm, Srtp_Aes128_Cm_Hmac_Sha1_80,
        };
        let gcm = vec![Srtp_Aead_Aes_256_Gcm, Srtp_Aead_Aes_128_Gcm];
        let any = [gcm.clone(), vec![Srtp_Aes128_Cm_Hmac_Sha1_80]].concat();
        let start = Start {
            hello: Hello::default(),
            gcm: config(identity, theirs, gcm)?,
            any: config(identity, theirs, any)?,
        };
        Ok(Crypt {
            provider: identity.provider.clone(),
            dtls: Endpoint::new(PEER_NAME, TransportProtocol::UDP, None),
            start: Some(start),
            media: None,
        })
    }

    /// Whether media can flow.
    pub(super) fn is_ready(&self) -> bool {
        self.media.is_some()
    }

    /// Takes one handshake datagram. Malformed ones are an error, and change nothing.
    pub(super) fn handshake(&mut self, now: Instant, bytes: &[u8]) -> Result<Option<Fact>, Error> {
        let Some(start) = &mut self.start else {
            return self.step(now, bytes);
        };
        if bytes.first() != Some(&HANDSHAKE_RECORD) {
            return Ok(None); // Nothing else can come first; a stray must not begin anything.
        }
        let Some((ciphers, held)) = start.hello.take(bytes) else {
            return Ok(None);
        };
        let config = if ciphers == Ciphers::Gcm { &start.gcm } else { &start.any };
        self.dtls.set_server_config(Some(config.clone()));
        self.start = None;
        let mut fact = None;
        for bytes in held {
            fact = self.step(now, &bytes)?.or(fact);
        }
        Ok(fact)
    }

    fn step(&mut self, now: Instant, bytes: &[u8]) -> Result<Option<Fact>, Error> {
        let mut fact = None;
        for event in self.dtls.read(now, PEER_NAME, None, BytesMut::from(bytes))? {
            match event {
                EndpointEvent::HandshakeComplete => {
                    let state = self.dtls.get_connection_state(PEER_NAME);
                    let state = state.ok_or(Error::HandshakeInProgress)?;
                    self.media = Some(Media::new(state, self.provider.crypto())?);
                    fact = Some(Fact::Ready);
                }
                EndpointEvent::PeerClosed => fact = Some(Fact::Closed),
                _ => {} // Data over DTLS was never offered.
            }
        }
        Ok(fact)
    }

    /// The next handshake datagram to send.
    pub(super) fn poll(&mut self) -> Option<BytesMut> {
        self.dtls.poll_transmit().map(|transmit| transmit.message)
    }

    /// Repeats lost flights. An error means the handshake is given up.
    pub(super) fn tick(&mut self, now: Instant) -> Result<(), Error> {
        match self.dtls.poll_timeout(&PEER_NAME) {
            Some(due) if due <= now => self.dtls.handle_timeout(PEER_NAME, now),
            _ => Ok(()),
        }
    }

    /// Says farewell; [`Crypt::poll`] then gives what to send.
    pub(super) fn close(&mut self, now: Instant) {
        let _ = self.dtls.close(now);
    }

    /// Opens a media packet.
    pub(super) fn open(&mut self, packet: &[u8], view: &View) -> Option<BytesMut> {
        let media = self.media.as_mut()?;
        if !admit(&mut media.known_in, view.ssrc) {
            return None;
        }
        let head = shape(&mut media.head, view.ssrc, view.seq, view.header_len);
        media.inward.decrypt_rtp_with_header(packet, head).ok()
    }

    /// Seals a media packet of which the first `header_len` bytes stay readable.
    pub(super) fn seal(
        &mut self,
        packet: &[u8],
        header_len: usize,
        ssrc: u32,
        seq: u16,
    ) -> Option<BytesMut> {
        let media = self.media.as_mut()?;
        if !admit(&mut media.known_out, ssrc) {
            return None;
        }
        let head = shape(&mut media.head, ssrc, seq, header_len);
        media.outward.encrypt_rtp_with_header(packet, head).ok()
    }

    /// Opens a control packet.
    pub(super) fn open_control(&mut self, packet: &[u8]) -> Option<BytesMut> {
        let media = self.media.as_mut()?;
        let ssrc = packet.get(4..8)?;
        let ssrc = u32::from_be_bytes([ssrc[0], ssrc[1], ssrc[2], ssrc[3]]);
        if !admit(&mut media.known_in, ssrc) {
            return None;
        }
        media.inward.decrypt_rtcp(packet).ok()
    }

    /// Seals a control packet.
    pub(super) fn seal_control(&mut self, packet: &[u8]) -> Option<BytesMut> {
        self.media.as_mut()?.outward.encrypt_rtcp(packet).ok()
    }
}

/// How the handshake with one browser shall go.
fn config(
    identity: &Identity,
    theirs: Fingerprint,
    profiles: Vec<SrtpProtectionProfile>,
) -> Result<Arc<HandshakeConfig>, MediaFault> {
    let hasher = identity.provider.clone();
    let config = ConfigBuilder::default()
        .with_crypto_provider(identity.provider.clone())
        .with_certificates(vec![identity.certificate.clone()])
        .with_srtp_protection_profiles(profiles)
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        .with_insecure_skip_verify(true) // No authority signs browsers; the fingerprint does.
        .with_verify_peer_certificate(Some(Arc::new(move |chain, _| {
            let shown = chain.first().ok_or(Error::ErrNonCertificate)?;
            match hasher.crypto().hash(HashAlgorithm::Sha256, shown) {
                Ok(hash) if hash[..] == theirs[..] => Ok(()),
                _ => Err(Error::ErrNoMatchingCertificateFingerprint),
            }
        })))
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_flight_interval(FLIGHT_PAUSE)
        .build(false, None);
    config.map(Arc::new).map_err(keys)
}

/// M9: lets an SSRC pass that was seen before, or that still has room.
fn admit(known: &mut HashSet<u32>, ssrc: u32) -> bool {
    known.contains(&ssrc) || (known.len() < SSRCS_MAX && known.insert(ssrc))
}

/// Gives the header this packet's numbers and length; contributing sources are its filler.
fn shape(head: &mut Header, ssrc: u32, seq: u16, header_len: usize) -> &Header {
    head.ssrc = ssrc;
    head.sequence_number = seq;
    head.csrc.resize((header_len - 12) / 4, 0);
    head
}

impl Media {
    fn new(state: &State, crypto: &dyn RTCCrypto) -> Result<Media, Error> {
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm => ProtectionProfile::AeadAes256Gcm,
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => {
                ProtectionProfile::Aes128CmHmacSha1_80
            }
            _ => return Err(Error::ErrNoSuchSrtpProfile),
        };
        let mut config = Config { profile, ..Config::default() };
        let length = config.keying_material_len();
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length)?;
        config.set_session_keys_from_keying_material(material.as_ref(), state.is_client())?;
        let keys = &config.keys;
        let inward = Context::new(
            &keys.remote_master_key,
            &keys.remote_master_salt,
            profile,
            Some(srtp_replay_protection(REPLAY_WINDOW)),
            Some(srtcp_replay_protection(REPLAY_WINDOW)),
            crypto,
        )?;
        let (key, salt) = (&keys.local_master_key, &keys.local_master_salt);
        let outward = Context::new(key, salt, profile, None, None, crypto)?;
        Ok(Media {
            inward,
            outward,
            known_in: HashSet::new(),
            known_out: HashSet::new(),
            head: Header { version: 2, ..Header::default() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m9_ssrcs_are_bounded() {
        let mut known = HashSet::new();
        let passed = (0..10_000).filter(|ssrc| admit(&mut known, *ssrc)).count();
        assert_eq!(passed, SSRCS_MAX);
        assert!(admit(&mut known, 0), "those seen before still pass");
    }

    #[test]
    fn hostile_handshakes_are_errors_or_nothing() {
        let identity = Identity::new().unwrap();
        let mut crypt = Crypt::new(&identity, [0; 32]).unwrap();
        let now = Instant::now();
        for len in [0, 1, 12, 13, 14, 60, 1_500] {
            for first in [20u8, 21, 22, 23, 63] {
                let mut bytes = vec![0xfe; len];
                if let Some(byte) = bytes.first_mut() {
                    *byte = first;
                }
                assert!(!matches!(crypt.handshake(now, &bytes), Ok(Some(_))));
            }
        }
        assert!(!crypt.is_ready());
    }
}
