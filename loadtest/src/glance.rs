//! The frame that comes a million times, read at a glance: a message that happened.
//!
//! # Why not decode it?
//! The people and the node share a machine. What the people spend on reading, the node lacks, and
//! the figure would be theirs. Every other frame is decoded in full.

/// What a listener needs of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Its place.
    pub(crate) seq: u64,
    /// When its speaker sent it, in microseconds of the run's clock.
    pub(crate) sent: Option<u64>,
}

/// How every such frame begins, because the codec writes tags first.
const HEAD: &str = "{\"kind\":\"happened\",\"topic\":{\"kind\":\"conversation\",";
const SEQ: &str = "},\"seq\":";
const TEXT: &str = "\"text\":\"t=";

/// Anything that happened in a conversation; `None` for every other frame.
pub(crate) fn said(text: &str) -> Option<Said> {
    let rest = text.strip_prefix(HEAD)?;
    let rest = &rest[rest.find(SEQ)? + SEQ.len()..];
    let sent = rest.find(TEXT).and_then(|at| number(&rest[at + TEXT.len()..]));
    Some(Said { seq: number(rest)?, sent })
}

/// A message's text: the moment, and letters up to its length.
pub(crate) fn text(sent: u64, bytes: usize) -> String {
    let mut text = format!("t={sent};");
    text.extend(std::iter::repeat_n('x', bytes.saturating_sub(text.len())));
    text
}

fn number(text: &str) -> Option<u64> {
    let end = text.find(|letter: char| !letter.is_ascii_digit())?;
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{
        codec,
        conversation::ConversationEvent,
        frame::{Event, ToBrowser, Topic},
        id::{ConversationId, MessageId, PersonId, Seq},
        time::Time,
    };

    fn happened(event: ConversationEvent) -> String {
        codec::to_json(&ToBrowser::Happened {
            topic: Topic::Conversation { conversation: ConversationId::from_u128(7) },
            seq: Seq(42),
            at: Time::from_ms(1),
            event: Event::Conversation { event },
        })
    }

    #[test]
    fn a_glance_sees_what_decoding_would() {
        let frame = happened(ConversationEvent::Said {
            message: MessageId::from_u128(1),
            by: PersonId::from_u128(2),
            text: text(123_456, 40),
            files: vec![],
        });
        assert_eq!(said(&frame), Some(Said { seq: 42, sent: Some(123_456) }));
        let joined = happened(ConversationEvent::Joined { person: PersonId::from_u128(2) });
        assert_eq!(said(&joined), Some(Said { seq: 42, sent: None }));
        let other = codec::to_json(&ToBrowser::Answered {
            ask: 1,
            reply: protocol::frame::Reply::Done { seq: Seq(1) },
        });
        assert_eq!(said(&other), None);
    }
}
