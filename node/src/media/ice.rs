//! ICE-lite: the node answers connectivity checks at once and never makes any.
//!
//! That is why a join takes a round trip and no timer: the browser checks, is answered in the same
//! turn of the loop, and starts its DTLS handshake.

use std::net::SocketAddr;

use rtc::crypto::RTCCrypto;
use rtc::stun::attributes::{ATTR_FINGERPRINT, ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter};
use rtc::stun::xoraddr::XorMappedAddress;

/// What proves a connectivity check: the node's half of the user name, and the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) ufrag: String,
    pub(super) password: String,
}

impl Credentials {
    /// Makes credentials from 24 random bytes: 40 bits of name, 144 of password.
    pub(super) fn new(random: [u8; 24]) -> Credentials {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let text: String =
            random.iter().map(|byte| char::from(LETTERS[usize::from(byte & 63)])).collect();
        let more: String = random.iter().map(|byte| char::from(b'a' + (byte >> 6))).collect();
        Credentials { ufrag: text[..8].to_owned(), password: format!("{}{more}", &text[8..]) }
    }
}

/// A binding request whose form is right; whether it is genuine is asked next.
pub(super) struct Check {
    message: Message,
    username: String,
}

impl Check {
    /// Reads a datagram.
    pub(super) fn read(datagram: &[u8]) -> Option<Check> {
        let mut message = Message { raw: datagram.to_vec(), ..Message::default() };
        message.decode().ok()?;
        if message.typ != BINDING_REQUEST {
            return None;
        }
        if message.contains(ATTR_FINGERPRINT) && FINGERPRINT.check(&message).is_err() {
            return None;
        }
        let username = String::from_utf8(message.get(ATTR_USERNAME).ok()?).ok()?;
        Some(Check { message, username })
    }

    /// The node's half of the user name.
    pub(super) fn ufrag(&self) -> &str {
        self.username.split_once(':').map_or("", |(ufrag, _)| ufrag)
    }

    /// Whether the browser chose this address for good.
    pub(super) fn is_nomination(&self) -> bool {
        self.message.contains(ATTR_USE_CANDIDATE)
    }

    /// The answer, if the check is genuine. `from` is told back to the browser.
    pub(super) fn answer(
        mut self,
        from: SocketAddr,
        password: &str,
        crypto: &dyn RTCCrypto,
    ) -> Option<Vec<u8>> {
        MessageIntegrity::check(&mut self.message, password.as_bytes(), crypto).ok()?;
        let mapped = XorMappedAddress { ip: from.ip().to_canonical(), port: from.port() };
        let integrity =
            MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), crypto);
        let mut answer = Message::new();
        let parts: [Box<dyn Setter + '_>; 5] = [
            Box::new(self.message.transaction_id),
            Box::new(BINDING_SUCCESS),
            Box::new(mapped),
            Box::new(integrity),
            Box::new(FINGERPRINT),
        ];
        answer.build(&parts).ok()?;
        Some(answer.raw)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rtc::stun::message::TransactionId;
    use rtc::stun::textattrs::TextAttribute;

    /// A browser's check.
    pub(in crate::media) fn request(username: &str, password: &str) -> Vec<u8> {
        let provider = rtc::crypto::default_provider().unwrap();
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
            password.to_owned(),
            provider.crypto(),
        );
        let mut message = Message::new();
        let parts: [Box<dyn Setter + '_>; 5] = [
            Box::new(TransactionId([7; 12])),
            Box::new(BINDING_REQUEST),
            Box::new(TextAttribute::new(ATTR_USERNAME, username.to_owned())),
            Box::new(integrity),
            Box::new(FINGERPRINT),
        ];
        message.build(&parts).unwrap();
        message.raw
    }

    #[test]
    fn a_genuine_check_is_answered_with_the_senders_address() {
        let provider = rtc::crypto::default_provider().unwrap();
        let from = "192.0.2.7:4000".parse().unwrap();
        let check = Check::read(&request("ours:theirs", "secret")).unwrap();
        assert_eq!(check.ufrag(), "ours");
        assert!(!check.is_nomination());
        let bytes = check.answer(from, "secret", provider.crypto()).unwrap();
        let mut answer = Message { raw: bytes, ..Message::default() };
        answer.decode().unwrap();
        assert_eq!(answer.typ, BINDING_SUCCESS);
        assert_eq!(answer.transaction_id, TransactionId([7; 12]));
        let mut mapped = XorMappedAddress::default();
        rtc::stun::message::Getter::get_from(&mut mapped, &answer).unwrap();
        assert_eq!(SocketAddr::new(mapped.ip, mapped.port), from);
    }

    #[test]
    fn a_forged_check_is_not() {
        let provider = rtc::crypto::default_provider().unwrap();
        let from = "192.0.2.7:4000".parse().unwrap();
        let check = Check::read(&request("ours:theirs", "guess")).unwrap();
        assert!(check.answer(from, "secret", provider.crypto()).is_none());
    }

    #[test]
    fn hostile_checks_never_panic() {
        let provider = rtc::crypto::default_provider().unwrap();
        let good = request("ours:theirs", "secret");
        let mut seed = 3u32;
        for _ in 0..5_000 {
            let mut bytes = good.clone();
            for _ in 0..2 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (seed >> 8) as usize % bytes.len();
                bytes[at] = seed as u8;
            }
            bytes.truncate(seed as usize % (bytes.len() + 1));
            if let Some(check) = Check::read(&bytes) {
                let _ = check.answer("[::1]:9".parse().unwrap(), "secret", provider.crypto());
            }
        }
    }

    #[test]
    fn credentials_are_long_enough_and_plain() {
        let Credentials { ufrag, password } = Credentials::new([0xe7; 24]);
        assert_eq!((ufrag.len(), password.len()), (8, 40));
        assert!(
            ufrag
                .bytes()
                .chain(password.bytes())
                .all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
        );
    }
}
