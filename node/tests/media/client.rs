//! A browser's stand-in for tests and measurements: a socket, the `rtc` crates for DTLS, SRTP and
//! STUN, and an offer written by hand, so that every number on the wire is known.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "each user of this file needs another part of it"
)]

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc::dtls::config::ConfigBuilder;
use rtc::dtls::crypto::Certificate;
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::rtcp::Packet as Rtcp;
use rtc::rtp::{Header, Packet};
use rtc::shared::TransportProtocol;
use rtc::shared::marshal::{Marshal, Unmarshal};
use rtc::srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc::srtp::context::Context;
use rtc::srtp::protection_profile::ProtectionProfile;
use rtc::stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME, RawAttribute};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};
use rtc::stun::textattrs::TextAttribute;

/// How long anything is waited for before a test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// One m-line of the offer.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    pub mid: &'static str,
    /// `audio` or `video`.
    pub kind: &'static str,
    /// `sendonly`, `recvonly` or `inactive`.
    pub direction: &'static str,
    pub payload_type: u8,
    pub rtx: Option<u8>,
    pub ssrc: u32,
    /// The identifier of the audio level extension.
    pub level: u8,
}

impl Line {
    pub fn sends(mid: &'static str, kind: &'static str, payload_type: u8, ssrc: u32) -> Line {
        Line { mid, kind, direction: "sendonly", payload_type, rtx: None, ssrc, level: 1 }
    }

    pub fn receives(mid: &'static str, kind: &'static str, payload_type: u8) -> Line {
        Line { mid, kind, direction: "recvonly", payload_type, rtx: None, ssrc: 0, level: 1 }
    }

    fn write(&self, ufrag: &str) -> String {
        let Line { mid, kind, direction, payload_type: pt, ssrc, level, .. } = self;
        let codec = if *kind == "audio" { "opus/48000/2" } else { "VP8/90000" };
        let formats = self.rtx.map_or(String::new(), |rtx| format!(" {rtx}"));
        let mut text = format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF {pt}{formats}\r\nc=IN IP4 0.0.0.0\r\n\
             a=ice-ufrag:{ufrag}\r\na=setup:actpass\r\na=mid:{mid}\r\na={direction}\r\n\
             a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:{pt} {codec}\r\na=rtcp-fb:{pt} nack\r\n\
             a=rtcp-fb:{pt} nack pli\r\na=rtcp-fb:{pt} transport-cc\r\n\
             a=extmap:{level} urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
             a=extmap:12 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
             a=extmap:13 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
        );
        if let Some(rtx) = self.rtx {
            text += &format!("a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={pt}\r\n");
        }
        if *direction == "sendonly" && *ssrc != 0 {
            text += &format!("a=ssrc:{ssrc} cname:test\r\n");
        }
        text
    }
}

/// What a client hears.
#[derive(Debug)]
pub enum Heard {
    Media(Packet),
    Control(Vec<Box<dyn Rtcp>>),
}

struct Keys {
    inward: Context,
    outward: Context,
    profile: SrtpProtectionProfile,
}

pub struct Client {
    pub socket: UdpSocket,
    pub node: SocketAddr,
    provider: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    session: u64,
    keys: Option<Keys>,
    dtls: Option<Endpoint>,
    inbox: VecDeque<Vec<u8>>,
    pub remote: (String, String),
}

/// The value of the first attribute of this name in an SDP text.
pub fn attribute<'a>(sdp: &'a str, name: &str) -> &'a str {
    let prefix = format!("a={name}:");
    sdp.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default()
}

/// The part of an SDP text about one m-line.
pub fn section<'a>(sdp: &'a str, mid: &str) -> &'a str {
    let wanted = format!("a=mid:{mid}\r\n");
    sdp.split("\r\nm=").find(|part| part.contains(&wanted)).unwrap_or_default()
}

impl Client {
    pub fn new(session: u64, node: SocketAddr) -> Client {
        let provider = rtc::crypto::default_provider().expect("a provider is built in");
        let names = vec!["test".to_owned()];
        let certificate = Certificate::generate_self_signed(names, provider.crypto())
            .expect("a certificate can be made");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        Client {
            socket,
            node,
            provider,
            certificate,
            session,
            keys: None,
            dtls: None,
            inbox: VecDeque::new(),
            remote: Default::default(),
        }
    }

    pub fn offer(&self, lines: &[Line]) -> String {
        let der = &self.certificate.certificate[0];
        let hash = self.provider.crypto().hash(HashAlgorithm::Sha256, der).expect("it hashes");
        let pairs: Vec<String> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let mids: Vec<&str> = lines.iter().map(|line| line.mid).collect();
        let mut sdp = format!(
            "v=0\r\no=- {} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n\
             a=fingerprint:sha-256 {}\r\n",
            self.session,
            mids.join(" "),
            pairs.join(":"),
        );
        lines.iter().for_each(|line| sdp += &line.write("theirs"));
        sdp
    }

    pub fn check(&self, username: &str, password: &str) -> Vec<u8> {
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
            password.to_owned(),
            self.provider.crypto(),
        );
        let use_candidate = RawAttribute { typ: ATTR_USE_CANDIDATE, length: 0, value: vec![] };
        let mut message = Message::new();
        let parts: [Box<dyn Setter + '_>; 6] = [
            Box::new(TransactionId::new()),
            Box::new(BINDING_REQUEST),
            Box::new(TextAttribute::new(ATTR_USERNAME, username.to_owned())),
            Box::new(use_candidate),
            Box::new(integrity),
            Box::new(FINGERPRINT),
        ];
        message.build(&parts).expect("a check can be written");
        message.raw
    }

    /// Proves the address and agrees on keys. Returns how long that took.
    pub fn connect(&mut self, answer: &str) -> Duration {
        let start = Instant::now();
        self.remote =
            (attribute(answer, "ice-ufrag").to_owned(), attribute(answer, "ice-pwd").to_owned());
        self.prove();
        let config = ConfigBuilder::default()
            .with_crypto_provider(self.provider.clone())
            .with_certificates(vec![self.certificate.clone()])
            .with_srtp_protection_profiles(vec![
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
                SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
            ])
            .with_insecure_skip_verify(true)
            .build(true, None)
            .expect("a configuration can be built");
        let here = self.socket.local_addr().expect("it is bound");
        let mut dtls = Endpoint::new(here, TransportProtocol::UDP, None);
        dtls.connect(Instant::now(), self.node, Arc::new(config), None).expect("it starts");
        while self.keys.is_none() {
            while let Some(out) = dtls.poll_transmit() {
                self.raw(&out.message);
            }
            let datagram = self.next_datagram().expect("the node answers");
            if !(20..64).contains(&datagram[0]) {
                self.inbox.push_back(datagram);
                continue;
            }
            let bytes = BytesMut::from(&datagram[..]);
            let events = dtls.read(Instant::now(), self.node, None, bytes).expect("it is DTLS");
            if events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete)) {
                self.keys = Some(self.derive(&dtls));
            }
        }
        while let Some(out) = dtls.poll_transmit() {
            self.raw(&out.message);
        }
        self.dtls = Some(dtls);
        start.elapsed()
    }

    /// Sends a check and waits for its answer.
    pub fn prove(&mut self) {
        let username = format!("{}:theirs", self.remote.0);
        let check = self.check(&username, &self.remote.1.clone());
        self.raw(&check);
        loop {
            let datagram = self.next_datagram().expect("the check is answered");
            if datagram[0] < 4 {
                return;
            }
            self.inbox.push_back(datagram);
        }
    }

    fn derive(&self, dtls: &Endpoint) -> Keys {
        let state = dtls.get_connection_state(self.node).expect("it is connected");
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm => ProtectionProfile::AeadAes256Gcm,
            _ => ProtectionProfile::Aes128CmHmacSha1_80,
        };
        let mut config = Config { profile, ..Config::default() };
        let length = config.keying_material_len();
        let material = state
            .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length)
            .expect("keys are exported");
        config.set_session_keys_from_keying_material(material.as_ref(), true).expect("they fit");
        let context = |key: &[u8], salt: &[u8]| {
            Context::new(key, salt, profile, None, None, self.provider.crypto()).expect("they work")
        };
        let keys = &config.keys;
        Keys {
            inward: context(&keys.remote_master_key, &keys.remote_master_salt),
            outward: context(&keys.local_master_key, &keys.local_master_salt),
            profile: state.srtp_protection_profile(),
        }
    }

    /// Whether the better cipher was agreed on.
    pub fn has_gcm(&self) -> bool {
        self.keys
            .as_ref()
            .is_some_and(|keys| keys.profile == SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm)
    }

    pub fn raw(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.node).expect("loopback takes it");
    }

    fn next_datagram(&self) -> Option<Vec<u8>> {
        let mut buffer = [0; 2_048];
        let len = self.socket.recv(&mut buffer).ok()?;
        Some(buffer[..len].to_vec())
    }

    /// Seals a packet without sending it.
    pub fn seal(&mut self, packet: &Packet) -> Vec<u8> {
        let plain = packet.marshal().expect("a packet can be written");
        let keys = self.keys.as_mut().expect("it is connected");
        keys.outward.encrypt_rtp(&plain).expect("it seals").to_vec()
    }

    pub fn send(&mut self, line: &Line, seq: u16, timestamp: u32, payload: &[u8]) {
        let packet = media(line, seq, timestamp, payload);
        let sealed = self.seal(&packet);
        self.raw(&sealed);
    }

    pub fn send_control(&mut self, packet: &dyn Rtcp) {
        let mut plain = vec![0; packet.marshal_size()];
        packet.marshal_to(&mut plain).expect("it can be written");
        let keys = self.keys.as_mut().expect("it is connected");
        let sealed = keys.outward.encrypt_rtcp(&plain).expect("it seals");
        self.raw(&sealed);
    }

    /// Ends the connection as a browser does.
    pub fn hang_up(&mut self) {
        let mut dtls = self.dtls.take().expect("it is connected");
        dtls.close(Instant::now()).expect("it closes");
        while let Some(out) = dtls.poll_transmit() {
            self.raw(&out.message);
        }
    }

    /// The next packet that can be opened; `None` when none comes within `patience`.
    pub fn hear(&mut self, patience: Duration) -> Option<Heard> {
        let until = Instant::now() + patience;
        loop {
            let left =
                until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(left)).expect("a timeout can be set");
            let datagram = self.inbox.pop_front().or_else(|| self.next_datagram());
            self.socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
            let datagram = datagram?;
            if !(128..192).contains(&datagram[0]) {
                continue;
            }
            let keys = self.keys.as_mut().expect("it is connected");
            if (192..224).contains(&datagram[1]) {
                let plain = keys.inward.decrypt_rtcp(&datagram).expect("it opens");
                let packets = rtc::rtcp::packet::unmarshal(&mut &plain[..]).expect("it is RTCP");
                return Some(Heard::Control(packets));
            }
            let plain = keys.inward.decrypt_rtp(&datagram).expect("it opens");
            return Some(Heard::Media(Packet::unmarshal(&mut &plain[..]).expect("it is RTP")));
        }
    }

    /// The next media packet.
    pub fn media(&mut self) -> Packet {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(Heard::Media(packet)) = self.hear(PATIENCE) {
                return packet;
            }
        }
        panic!("no media came");
    }

    /// Waits for a control packet of this type that `fits`.
    pub fn control<T: Rtcp + Clone + 'static>(&mut self, fits: impl Fn(&T) -> bool) -> T {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let Some(Heard::Control(packets)) = self.hear(PATIENCE) else { continue };
            let known = packets.iter().find_map(|packet| packet.as_any().downcast_ref::<T>());
            if let Some(packet) = known.filter(|packet| fits(packet)) {
                return packet.clone();
            }
        }
        panic!("the control packet did not come");
    }
}

/// A packet as a publisher makes it.
pub fn media(line: &Line, seq: u16, timestamp: u32, payload: &[u8]) -> Packet {
    let header = Header {
        version: 2,
        marker: true,
        payload_type: line.payload_type,
        sequence_number: seq,
        timestamp,
        ssrc: line.ssrc,
        ..Header::default()
    };
    Packet { header, payload: payload.to_vec().into() }
}
