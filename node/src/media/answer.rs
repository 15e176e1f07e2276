//! The node's answer: which m-lines it accepts, and where and under which key it can be reached.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::codec::{self, Codec, Extension, ExtensionIds};
use super::offer::{Direction, Offer, OfferLine};
use super::words::Kind;

/// What every m-line of an answer repeats about the node.
pub(super) struct Host<'a> {
    pub(super) ufrag: &'a str,
    pub(super) password: &'a str,
    /// `AA:BB:…` of the node's certificate.
    pub(super) fingerprint: &'a str,
    pub(super) addresses: &'a [SocketAddr],
}

/// The numbers the node sends with on a receiving m-line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    pub(super) ssrc: u32,
    pub(super) rtx_ssrc: u32,
    /// Which of its kind this m-line is; sound and picture of one ordinal are one stream.
    pub(super) ordinal: usize,
}

/// What the node does on one m-line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Takes what the browser publishes.
    Take(Terms),
    /// Shows the browser something.
    Show(Terms, Numbers),
    /// Keeps it for later.
    Rest(Terms),
    /// Will not have it.
    Reject,
}

/// Codecs and extensions both sides use on one m-line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) codecs: Vec<Codec>,
    pub(super) extensions: ExtensionIds,
}

/// What the node accepts of an offered m-line; `None` if nothing.
pub(super) fn terms(line: &OfferLine) -> Option<(Kind, Terms)> {
    let kind = line.kind.filter(|_| !line.is_stopped && line.protocol.ends_with("SAVPF"))?;
    let codecs = codec::accept(kind, &line.codecs);
    if codecs.is_empty() {
        return None;
    }
    // What the node sends carries no bandwidth numbers yet, so none are promised.
    let useful = |e: Extension| match line.direction {
        Direction::Receive => e.is_passed_on() || e == Extension::Mid,
        Direction::Send | Direction::Idle => true,
    };
    let extensions = line.extensions.0.iter().filter(|(e, _)| useful(*e)).copied().collect();
    Some((kind, Terms { codecs, extensions: ExtensionIds(extensions) }))
}

/// Writes the answer; `parts` are in the order of the offer's m-lines.
pub(super) fn write(offer: &Offer, parts: &[Part], host: &Host<'_>, version: u64) -> String {
    debug_assert_eq!(offer.lines.len(), parts.len());
    let mut sdp = String::with_capacity(512 + 1_024 * parts.len());
    let mids: Vec<&str> = offer
        .lines
        .iter()
        .zip(parts)
        .filter(|(_, part)| **part != Part::Reject)
        .filter_map(|(line, _)| line.mid.as_ref().map(|mid| mid.as_str()))
        .collect();
    let mixed = if offer.mixed_extensions { "a=extmap-allow-mixed\r\n" } else { "" };
    // Writing to a string cannot fail.
    let _ = write!(
        sdp,
        "v=0\r\no=konsil 1 {version} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n\
         a=ice-lite\r\n{mixed}a=msid-semantic: WMS *\r\n",
        mids.join(" "),
    );
    for (line, part) in offer.lines.iter().zip(parts) {
        write_line(&mut sdp, line, part, host);
    }
    sdp
}

fn write_line(sdp: &mut String, line: &OfferLine, part: &Part, host: &Host<'_>) {
    let (terms, direction, numbers) = match part {
        Part::Take(terms) => (terms, "recvonly", None),
        Part::Show(terms, numbers) => (terms, "sendonly", Some(numbers)),
        Part::Rest(terms) => (terms, "inactive", None),
        Part::Reject => {
            let _ = write!(
                sdp,
                "m={} 0 {} {}\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n",
                line.media, line.protocol, line.formats
            );
            if let Some(mid) = line.mid {
                let _ = write!(sdp, "a=mid:{mid}\r\n");
            }
            return;
        }
    };
    let rtx = |codec: &Codec| codec.rtx.map(|rtx| format!(" {rtx}")).unwrap_or_default();
    let format = |codec: &Codec| format!(" {}{}", codec.payload_type, rtx(codec));
    let formats: String = terms.codecs.iter().map(format).collect();
    let _ = write!(
        sdp,
        "m={} 9 {}{formats}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n",
        line.media, line.protocol
    );
    write_host(sdp, host);
    if let Some(mid) = line.mid {
        let _ = write!(sdp, "a=mid:{mid}\r\n");
    }
    let _ = write!(sdp, "a={direction}\r\na=rtcp-mux\r\n");
    if line.rsize {
        sdp.push_str("a=rtcp-rsize\r\n");
    }
    for (extension, id) in &terms.extensions.0 {
        let _ = write!(sdp, "a=extmap:{id} {}\r\n", extension.uri());
    }
    terms.codecs.iter().for_each(|codec| write_codec(sdp, codec, numbers.is_some()));
    if let Some(numbers) = numbers {
        write_numbers(sdp, line, terms, numbers);
    }
}

fn write_host(sdp: &mut String, host: &Host<'_>) {
    let _ = write!(
        sdp,
        "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=fingerprint:sha-256 {}\r\na=setup:passive\r\n",
        host.ufrag, host.password, host.fingerprint
    );
    for (n, address) in host.addresses.iter().enumerate() {
        // Host candidates, the first most preferred; real before loopback.
        let local = 65_535u32.saturating_sub(n as u32);
        let family = if matches!(address.ip(), IpAddr::V6(_)) { 1 } else { 0 };
        let priority = (126 << 24) | ((local - family) << 8) | 255;
        let _ = write!(
            sdp,
            "a=candidate:{n} 1 udp {priority} {} {} typ host\r\n",
            address.ip(),
            address.port()
        );
    }
    sdp.push_str("a=end-of-candidates\r\n");
}

fn write_codec(sdp: &mut String, codec: &Codec, is_shown: bool) {
    let pt = codec.payload_type;
    let _ = write!(sdp, "a=rtpmap:{pt} {}\r\n", codec.name.rtpmap());
    for feedback in &codec.feedback {
        if !(is_shown && feedback == "transport-cc") {
            let _ = write!(sdp, "a=rtcp-fb:{pt} {feedback}\r\n");
        }
    }
    if let Some(fmtp) = &codec.fmtp {
        let _ = write!(sdp, "a=fmtp:{pt} {fmtp}\r\n");
    }
    if let Some(rtx) = codec.rtx {
        let _ = write!(sdp, "a=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt={pt}\r\n");
    }
}

fn write_numbers(sdp: &mut String, line: &OfferLine, terms: &Terms, numbers: &Numbers) {
    let Numbers { ssrc, rtx_ssrc, ordinal } = numbers;
    let _ = write!(sdp, "a=msid:stage-{ordinal} {}-{ordinal}\r\n", line.media);
    let has_rtx = terms.codecs.iter().any(|codec| codec.rtx.is_some());
    if has_rtx {
        let _ = write!(sdp, "a=ssrc-group:FID {ssrc} {rtx_ssrc}\r\n");
    }
    let _ = write!(sdp, "a=ssrc:{ssrc} cname:konsil\r\n");
    if has_rtx {
        let _ = write!(sdp, "a=ssrc:{rtx_ssrc} cname:konsil\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::offer::tests::CHROMIUM;

    fn answer() -> String {
        let offer = Offer::parse(CHROMIUM).unwrap();
        let part = |line: &OfferLine| match (terms(line), line.direction) {
            (None, _) => Part::Reject,
            (Some((_, terms)), Direction::Send) => Part::Take(terms),
            (Some((_, terms)), Direction::Receive) => {
                Part::Show(terms, Numbers { ssrc: 7, rtx_ssrc: 8, ordinal: 0 })
            }
            (Some((_, terms)), Direction::Idle) => Part::Rest(terms),
        };
        let parts: Vec<Part> = offer.lines.iter().map(part).collect();
        let host = Host {
            ufrag: "u",
            password: "p",
            fingerprint: "AA",
            addresses: &["192.0.2.1:3478".parse().unwrap()],
        };
        write(&offer, &parts, &host, 1)
    }

    #[test]
    fn golden_answer() {
        let text = answer();
        let sections: Vec<&str> = text.split("\r\nm=").collect();
        assert_eq!(sections.len(), 5);
        assert!(sections[0].contains("a=group:BUNDLE 0 1 2\r\na=ice-lite"));
        assert!(sections[1].starts_with("audio 9 UDP/TLS/RTP/SAVPF 111\r\n"));
        assert!(sections[1].contains("a=recvonly") && sections[1].contains("a=setup:passive"));
        assert!(sections[1].contains("a=candidate:0 1 udp 2130706431 192.0.2.1 3478 typ host"));
        assert!(sections[2].starts_with("video 9 UDP/TLS/RTP/SAVPF 96 97 98 99\r\n"));
        assert!(sections[2].contains("a=rtcp-fb:96 transport-cc"));
        assert!(!sections[2].contains("goog-remb"));
        assert!(sections[3].contains("a=sendonly") && sections[3].contains("FID 7 8"));
        assert!(!sections[3].contains("transport-cc"));
        assert!(sections[4].starts_with("application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
    }
}
