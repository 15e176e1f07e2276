//! Codecs and header extensions: which ones the node carries, and how one browser's numbers are
//! translated into another's.
//!
//! Payload types and extension identifiers are chosen by whoever offers, so the same codec has
//! another number in each browser. The node never looks inside a payload further than to see
//! whether a picture can be started there.

use super::limits;
use super::words::Kind;

/// A codec the node forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// First for pictures: every browser has it, and in hardware or not it costs little.
    Vp8,
    H264,
    Vp9,
    Av1,
    Opus,
}

impl Name {
    /// Reads what stands before the clock rate in `a=rtpmap`.
    pub(super) fn parse(text: &str) -> Option<Name> {
        Some(match text.to_ascii_lowercase().as_str() {
            "vp8" => Name::Vp8,
            "h264" => Name::H264,
            "vp9" => Name::Vp9,
            "av1" => Name::Av1,
            "opus" => Name::Opus,
            _ => return None,
        })
    }

    /// Sound or picture.
    pub(super) fn kind(self) -> Kind {
        if self == Name::Opus { Kind::Audio } else { Kind::Video }
    }

    /// Ticks of the RTP timestamp per second.
    pub(super) fn clock(self) -> u32 {
        if self == Name::Opus { 48_000 } else { 90_000 }
    }

    /// As written in `a=rtpmap`.
    pub(super) fn rtpmap(self) -> &'static str {
        match self {
            Name::Vp8 => "VP8/90000",
            Name::H264 => "H264/90000",
            Name::Vp9 => "VP9/90000",
            Name::Av1 => "AV1/90000",
            Name::Opus => "opus/48000/2",
        }
    }
}

/// One codec as a browser offers it on one m-line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Codec {
    pub(super) payload_type: u8,
    pub(super) name: Name,
    /// Parameters as offered, echoed in the answer.
    pub(super) fmtp: Option<String>,
    /// The payload type of its retransmissions.
    pub(super) rtx: Option<u8>,
    /// Feedback offered: `nack`, `nack pli`, `ccm fir`, `transport-cc`.
    pub(super) feedback: Vec<String>,
}

impl Codec {
    fn parameter(&self, key: &str) -> Option<&str> {
        let pairs = self.fmtp.as_deref()?.split(';');
        pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(k, _)| *k == key).map(|p| p.1)
    }

    /// What decides, beside the name, whether two sides mean the same stream.
    fn profile(&self) -> String {
        match self.name {
            Name::H264 => {
                let level = self.parameter("profile-level-id").unwrap_or("42001f");
                level.get(..4).unwrap_or("4200").to_ascii_lowercase()
            }
            Name::Vp9 => self.parameter("profile-id").unwrap_or("0").to_owned(),
            Name::Av1 => self.parameter("profile").unwrap_or("0").to_owned(),
            Name::Vp8 | Name::Opus => String::new(),
        }
    }

    /// Whether the node carries this variant. The rarer ones would make a track that only some
    /// browsers of a room could show.
    fn is_carried(&self) -> bool {
        let profile = self.profile();
        match self.name {
            Name::H264 => {
                self.parameter("packetization-mode") == Some("1")
                    && (profile == "42e0" || profile == "4200")
            }
            Name::Vp9 | Name::Av1 => profile == "0",
            Name::Vp8 | Name::Opus => true,
        }
    }

    /// Whether a NACK about this codec makes sense to its sender.
    pub(super) fn takes_nack(&self) -> bool {
        self.feedback.iter().any(|f| f == "nack")
    }
}

/// The codecs of an offer that the node accepts, most wanted first.
pub(super) fn accept(kind: Kind, offered: &[Codec]) -> Vec<Codec> {
    let carried = |c: &&Codec| c.name.kind() == kind && c.is_carried();
    let mut accepted: Vec<Codec> = offered.iter().filter(carried).cloned().collect();
    let rank = |c: &Codec| (c.name, c.name == Name::H264 && c.profile() != "42e0");
    accepted.sort_by_key(rank);
    accepted.dedup_by_key(|c| (c.name, c.profile()));
    accepted.truncate(limits::CODECS_MAX);
    accepted
}

/// The receiver's codec for a stream the publisher sends as `sent`: the same profile, or, where
/// a browser lists none such, the same name.
pub(super) fn translate<'a>(sent: &Codec, receiver: &'a [Codec]) -> Option<&'a Codec> {
    let same = |c: &&Codec| c.name == sent.name && c.profile() == sent.profile();
    receiver.iter().find(same).or_else(|| receiver.iter().find(|c| c.name == sent.name))
}

/// A header extension the node understands or passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension {
    /// Names the m-line: lets an undeclared SSRC be understood.
    Mid,
    /// RFC 6464: how loud the packet is.
    Level,
    /// Numbers all packets of a browser, for its bandwidth estimate.
    TransportCc,
    /// Which way up a phone is held.
    Orientation,
    /// What an AV1 picture depends on.
    Dependency,
}

const URIS: [(Extension, &str); 5] = [
    (Extension::Mid, "urn:ietf:params:rtp-hdrext:sdes:mid"),
    (Extension::Level, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
    (
        Extension::TransportCc,
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    ),
    (Extension::Orientation, "urn:3gpp:video-orientation"),
    (
        Extension::Dependency,
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
    ),
];

impl Extension {
    /// The extension of this URI, if the node carries it.
    pub(super) fn parse(uri: &str) -> Option<Extension> {
        URIS.iter().find(|(_, known)| *known == uri).map(|(extension, _)| *extension)
    }

    /// Its URI.
    pub(super) fn uri(self) -> &'static str {
        URIS.iter().find(|(known, _)| *known == self).map_or("", |(_, uri)| uri)
    }

    /// Whether it is passed on to receivers. The others speak of the hop, not of the content.
    pub(super) fn is_passed_on(self) -> bool {
        matches!(self, Extension::Level | Extension::Orientation | Extension::Dependency)
    }
}

/// The identifiers one m-line uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ExtensionIds(pub(super) Vec<(Extension, u8)>);

impl ExtensionIds {
    /// This m-line's identifier of an extension.
    pub(super) fn id(&self, extension: Extension) -> Option<u8> {
        self.0.iter().find(|(known, _)| *known == extension).map(|(_, id)| *id)
    }

    /// What passes from a publisher's m-line to a receiver's: their identifier, then ours.
    pub(super) fn towards(&self, receiver: &ExtensionIds) -> Vec<(u8, u8)> {
        let passed = self.0.iter().filter(|(extension, _)| extension.is_passed_on());
        passed.filter_map(|(extension, id)| Some((*id, receiver.id(*extension)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec(payload_type: u8, name: Name, fmtp: Option<&str>) -> Codec {
        let fmtp = fmtp.map(str::to_owned);
        Codec { payload_type, name, fmtp, rtx: None, feedback: vec!["nack".into()] }
    }

    #[test]
    fn a_number_is_translated_between_browsers() {
        let chromium = codec(96, Name::Vp8, None);
        let firefox = [codec(121, Name::Vp9, None), codec(120, Name::Vp8, Some("max-fs=12288"))];
        assert_eq!(translate(&chromium, &firefox).unwrap().payload_type, 120);
        assert_eq!(translate(&codec(45, Name::Av1, None), &firefox), None);
    }

    #[test]
    fn h264_prefers_its_own_profile() {
        let sent = codec(102, Name::H264, Some("packetization-mode=1;profile-level-id=42e01f"));
        let other = codec(97, Name::H264, Some("packetization-mode=1;profile-level-id=42001f"));
        let same = codec(98, Name::H264, Some("profile-level-id=42E02A;packetization-mode=1"));
        assert_eq!(translate(&sent, &[other.clone(), same]).unwrap().payload_type, 98);
        assert_eq!(translate(&sent, &[other]).unwrap().payload_type, 97);
    }

    #[test]
    fn rare_variants_are_not_accepted_and_vp8_comes_first() {
        let offered = [
            codec(98, Name::Vp9, Some("profile-id=0")),
            codec(100, Name::Vp9, Some("profile-id=2")),
            codec(102, Name::H264, Some("packetization-mode=0;profile-level-id=42e01f")),
            codec(96, Name::Vp8, None),
            codec(111, Name::Opus, None),
        ];
        let accepted: Vec<u8> =
            accept(Kind::Video, &offered).iter().map(|c| c.payload_type).collect();
        assert_eq!(accepted, [96, 98]);
    }

    #[test]
    fn only_content_extensions_are_passed_on() {
        use Extension::*;
        let from = ExtensionIds(vec![(Mid, 4), (Level, 1), (TransportCc, 3), (Orientation, 13)]);
        let to = ExtensionIds(vec![(Mid, 9), (Level, 10), (TransportCc, 11)]);
        assert_eq!(from.towards(&to), [(1, 10)]);
    }
}
