//! What this node signs with: cookies, guest links, tickets, and what lets an operator in.
//!
//! # Invariants
//! - **Q1** A token is compared in constant time, and its parts are read only after that.
//! - **Q2** The key never leaves this file: it is not printed, logged or sent.

use aws_lc_rs::{hmac, rand::SecureRandom, rand::SystemRandom};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use protocol::{
    audit::AuditLog,
    id::{LinkId, NodeId, SessionId, TenantId},
    time::Time,
};
use std::{fmt, fs, io, path::Path};

/// The node's signing key.
pub struct Secrets {
    key: hmac::Key,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Secrets(…)") // Q2
    }
}

/// What a token is for: one signed for a cookie is not good as a link.
#[derive(Clone, Copy)]
enum Purpose {
    Cookie,
    Link,
    Ticket,
    OperatorLink,
    OperatorCookie,
}

/// What an operator's one-time link says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperatorPass {
    /// The node it opens the page of, and no other: that node knows whether it was used.
    pub node: NodeId,
    /// When it was made.
    pub made: Time,
    /// Chance: no two are the same.
    pub nonce: [u8; 16],
}

const TAG: usize = 32;

impl Secrets {
    /// Reads the key from the data folder, or makes one that only the node's user can read.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is not a key.
    pub fn open(data: &Path) -> io::Result<Self> {
        let path = data.join("signing.key");
        let bytes = match fs::read(&path) {
            Ok(bytes) if bytes.len() == TAG => bytes,
            Ok(_) => return Err(io::Error::other(format!("{} is not a key", path.display()))),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                let made = chance::<TAG>();
                write_private(&path, &made)?;
                made.to_vec()
            }
            Err(fault) => return Err(fault),
        };
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &bytes) })
    }

    /// A cookie's value for a session.
    pub fn cookie(&self, tenant: TenantId, session: SessionId) -> String {
        let mut body = tenant.as_u128().to_be_bytes().to_vec();
        body.extend(session.as_u128().to_be_bytes());
        self.seal(Purpose::Cookie, body)
    }

    /// The session a cookie's value stands for, when this node signed it.
    pub fn read_cookie(&self, value: &str) -> Option<(TenantId, SessionId)> {
        let body = self.open_token::<32>(Purpose::Cookie, value)?;
        let (tenant, session) = (number(&body[..16])?, number(&body[16..])?);
        Some((TenantId::from_u128(tenant), SessionId::from_u128(session)))
    }

    /// A guest link's secret part.
    pub fn link(&self, tenant: TenantId, link: LinkId, until: Time) -> String {
        let mut body = tenant.as_u128().to_be_bytes().to_vec();
        body.extend(link.as_u128().to_be_bytes());
        body.extend(until.ms().to_be_bytes());
        self.seal(Purpose::Link, body)
    }

    /// The link a secret part stands for, when this node signed it.
    pub fn read_link(&self, token: &str) -> Option<(TenantId, LinkId, Time)> {
        let body = self.open_token::<40>(Purpose::Link, token)?;
        let until = u64::from_be_bytes(body[32..].try_into().ok()?);
        let (tenant, link) = (number(&body[..16])?, number(&body[16..32])?);
        Some((TenantId::from_u128(tenant), LinkId::from_u128(link), Time::from_ms(until)))
    }

    /// What a page of one node shows another node instead of a cookie, which would not travel.
    pub fn ticket(&self, tenant: TenantId, session: SessionId, until: Time) -> String {
        let mut body = tenant.as_u128().to_be_bytes().to_vec();
        body.extend(session.as_u128().to_be_bytes());
        body.extend(until.ms().to_be_bytes());
        self.seal(Purpose::Ticket, body)
    }

    /// The session a ticket stands for and until when it is good, when this cluster signed it.
    pub fn read_ticket(&self, token: &str) -> Option<(TenantId, SessionId, Time)> {
        let body = self.open_token::<40>(Purpose::Ticket, token)?;
        let (tenant, session) = (number(&body[..16])?, number(&body[16..32])?);
        Some((TenantId::from_u128(tenant), SessionId::from_u128(session), moment(&body[32..])?))
    }

    /// The secret part of an operator's one-time link.
    pub fn operator_link(&self, pass: OperatorPass) -> String {
        let mut body = pass.node.as_u128().to_be_bytes().to_vec();
        body.extend(pass.made.ms().to_be_bytes());
        body.extend(pass.nonce);
        self.seal(Purpose::OperatorLink, body)
    }

    /// What an operator's link says, when this cluster signed it.
    pub fn read_operator_link(&self, token: &str) -> Option<OperatorPass> {
        let body = self.open_token::<40>(Purpose::OperatorLink, token)?;
        let node = NodeId::from_u128(number(&body[..16])?);
        let nonce = body[24..].try_into().ok()?;
        Some(OperatorPass { node, made: moment(&body[16..24])?, nonce })
    }

    /// The value of an operator's cookie.
    pub fn operator_cookie(&self, until: Time) -> String {
        let mut body = until.ms().to_be_bytes().to_vec();
        body.extend(chance::<16>());
        self.seal(Purpose::OperatorCookie, body)
    }

    /// Until when an operator's cookie is good, when this cluster signed it.
    pub fn read_operator_cookie(&self, value: &str) -> Option<Time> {
        let body = self.open_token::<24>(Purpose::OperatorCookie, value)?;
        moment(&body[..8])
    }

    /// 16 bytes that follow from these words and can be guessed by nobody else: the same request
    /// makes the same id, on every node that shares the key.
    pub fn derive(&self, words: &[&[u8]]) -> u128 {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(b"id");
        for word in words {
            context.update(&(word.len() as u64).to_be_bytes());
            context.update(word);
        }
        let tag = context.sign();
        number(&tag.as_ref()[..16]).unwrap_or_default()
    }

    /// 32 secret bytes for the key that signs one audit log: the same on every node that shares the
    /// key.
    pub fn audit_seed(&self, log: AuditLog) -> [u8; TAG] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(b"audit log signing key 1");
        context.update(log.to_string().as_bytes());
        context.sign().as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    fn seal(&self, purpose: Purpose, mut body: Vec<u8>) -> String {
        let tag = self.tag(purpose, &body);
        body.extend(tag.as_ref());
        URL_SAFE_NO_PAD.encode(body)
    }

    fn open_token<const BODY: usize>(&self, purpose: Purpose, token: &str) -> Option<[u8; BODY]> {
        if token.len() > 256 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|it| it.len() == BODY + TAG)?;
        let (body, tag) = bytes.split_at(BODY);
        let mut signed = vec![purpose as u8];
        signed.extend(body);
        hmac::verify(&self.key, &signed, tag).ok()?; // Q1: constant time
        body.try_into().ok()
    }

    fn tag(&self, purpose: Purpose, body: &[u8]) -> hmac::Tag {
        let mut signed = vec![purpose as u8];
        signed.extend(body);
        hmac::sign(&self.key, &signed)
    }
}

/// Bytes of chance from the operating system.
///
/// # Panics
/// When the operating system has none to give: nothing safe can be done without.
pub fn chance<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// Writes a file that only the node's user can read: all of it, or nothing, whatever happens
/// meanwhile.
///
/// # Errors
/// When the file exists or the disk says no.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    if path.exists() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there already"));
    }
    let half = path.with_extension("half"); // left by a crash, perhaps
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&half)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&half, path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn moment(bytes: &[u8]) -> Option<Time> {
    Some(Time::from_ms(u64::from_be_bytes(bytes.try_into().ok()?)))
}

fn number(bytes: &[u8]) -> Option<u128> {
    Some(u128::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets { key: hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]) }
    }

    #[test]
    fn q1_a_token_with_any_bit_flipped_is_refused() {
        let secrets = secrets();
        let (tenant, link) = (TenantId::from_u128(1), LinkId::from_u128(2));
        let token = secrets.link(tenant, link, Time::from_ms(3));
        assert_eq!(secrets.read_link(&token), Some((tenant, link, Time::from_ms(3))));
        let bytes = URL_SAFE_NO_PAD.decode(&token).expect("own token");
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(secrets.read_link(&URL_SAFE_NO_PAD.encode(forged)), None);
        }
    }

    #[test]
    fn q1_a_token_is_good_for_its_purpose_alone() {
        let secrets = secrets();
        let (tenant, session, until) =
            (TenantId::from_u128(1), SessionId::from_u128(2), Time::from_ms(3));
        let ticket = secrets.ticket(tenant, session, until);
        assert_eq!(secrets.read_ticket(&ticket), Some((tenant, session, until)));
        let pass = OperatorPass { node: NodeId::from_u128(4), made: until, nonce: [5; 16] };
        let link = secrets.operator_link(pass);
        assert_eq!(secrets.read_operator_link(&link), Some(pass));
        let cookie = secrets.operator_cookie(until);
        assert_eq!(secrets.read_operator_cookie(&cookie), Some(until));
        // As long as each other, and yet none passes for another.
        let guest = secrets.link(tenant, LinkId::from_u128(2), until);
        for other in [&link, &guest, &cookie] {
            assert_eq!(secrets.read_ticket(other), None);
        }
        for other in [&ticket, &guest, &cookie] {
            assert_eq!(secrets.read_operator_link(other), None);
        }
        for other in [&ticket, &guest, &link] {
            assert_eq!(secrets.read_operator_cookie(other), None);
        }
    }

    #[test]
    fn a_private_file_is_whole_and_private_and_never_written_over() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("konsil-private-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the test");
        let path = folder.join("signing.key");
        write_private(&path, b"one").expect("written");
        assert!(write_private(&path, b"two").is_err());
        assert_eq!(fs::read(&path).expect("read"), b"one");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).expect("listed").count(), 1, "nothing half is left");
        fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn a_cookie_is_not_good_as_a_link_and_rubbish_as_neither() {
        let secrets = secrets();
        let cookie = secrets.cookie(TenantId::from_u128(1), SessionId::from_u128(2));
        assert!(secrets.read_cookie(&cookie).is_some());
        assert!(secrets.read_link(&cookie).is_none());
        for rubbish in ["", "ä", "....", &"A".repeat(10_000)] {
            assert!(secrets.read_cookie(rubbish).is_none() && secrets.read_link(rubbish).is_none());
        }
    }
}
