//! RTCP, read and written through the `rtc` codec.

use bytes::BytesMut;
use rtc::rtcp::packet;
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use rtc::shared::marshal::Marshal;

use super::limits::MISSING_MAX;

/// What a browser said over RTCP, as far as the node listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// When a moment of a published stream was, by the publisher's clock.
    Moment { ssrc: u32, ntp: u64, timestamp: u32 },
    /// How well a stream of ours arrives.
    Loss { ssrc: u32, fraction: u8 },
    /// These packets of ours are missing.
    Missing { ssrc: u32, seqs: Vec<u16> },
    /// A key frame is needed.
    Key { ssrc: u32 },
}

/// Reads one compound packet; what is not understood is skipped, what is malformed is nothing.
pub(super) fn read(mut bytes: &[u8]) -> Vec<Said> {
    let mut said = Vec::new();
    for packet in packet::unmarshal(&mut bytes).unwrap_or_default() {
        let any = packet.as_any();
        if let Some(report) = any.downcast_ref::<SenderReport>() {
            let (ssrc, ntp, timestamp) = (report.ssrc, report.ntp_time, report.rtp_time);
            said.push(Said::Moment { ssrc, ntp, timestamp });
            said.extend(report.reports.iter().map(loss));
        } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
            said.extend(report.reports.iter().map(loss));
        } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
            let lists = nack.nacks.iter().flat_map(|pair| pair.packet_list());
            let seqs = lists.take(MISSING_MAX).collect();
            said.push(Said::Missing { ssrc: nack.media_ssrc, seqs });
        } else if let Some(pli) = any.downcast_ref::<PictureLossIndication>() {
            said.push(Said::Key { ssrc: pli.media_ssrc });
        } else if let Some(fir) = any.downcast_ref::<FullIntraRequest>() {
            said.extend(fir.fir.iter().map(|entry| Said::Key { ssrc: entry.ssrc }));
        }
    }
    said
}

fn loss(report: &ReceptionReport) -> Said {
    Said::Loss { ssrc: report.ssrc, fraction: report.fraction_lost }
}

/// Writes one packet; `None` if the codec refuses it.
pub(super) fn write(packet: &impl Marshal) -> Option<BytesMut> {
    packet.marshal().ok()
}

/// Asks a publisher for a key frame.
pub(super) fn key(sender_ssrc: u32, media_ssrc: u32) -> Option<BytesMut> {
    write(&PictureLossIndication { sender_ssrc, media_ssrc })
}

/// Asks a publisher for packets that did not come.
pub(super) fn missing(sender_ssrc: u32, media_ssrc: u32, seqs: &[u16]) -> Option<BytesMut> {
    let nacks = nack_pairs_from_sequence_numbers(seqs);
    write(&TransportLayerNack { sender_ssrc, media_ssrc, nacks })
}

/// Tells a publisher how its streams arrive.
pub(super) fn receiver(ssrc: u32, reports: Vec<ReceptionReport>) -> Option<BytesMut> {
    write(&ReceiverReport { ssrc, reports, ..ReceiverReport::default() })
}

/// Tells a receiver when a moment of a stream was, and what has been sent of it.
pub(super) fn sender(
    ssrc: u32,
    ntp_time: u64,
    rtp_time: u32,
    (packet_count, octet_count): (u32, u32),
) -> Option<BytesMut> {
    let report =
        SenderReport { ssrc, ntp_time, rtp_time, packet_count, octet_count, ..Default::default() };
    write(&report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let seqs = [5, 6, 21, 900];
        let bytes = missing(1, 2, &seqs).unwrap();
        assert_eq!(read(&bytes), [Said::Missing { ssrc: 2, seqs: seqs.to_vec() }]);
        assert_eq!(read(&key(1, 2).unwrap()), [Said::Key { ssrc: 2 }]);
        let moment = sender(3, 4 << 32, 5, (6, 7)).unwrap();
        assert_eq!(read(&moment), [Said::Moment { ssrc: 3, ntp: 4 << 32, timestamp: 5 }]);
        let mut compound = moment.to_vec();
        compound.extend_from_slice(&key(1, 2).unwrap());
        assert_eq!(read(&compound).len(), 2);
    }

    #[test]
    fn hostile_rtcp_never_panics() {
        let moment = sender(3, 4, 5, (6, 7)).unwrap();
        for end in 0..moment.len() {
            read(&moment[..end]);
        }
        let mut seed = 7u32;
        for _ in 0..5_000 {
            let mut bytes =
                [moment.to_vec(), missing(1, 2, &[1, 2, 90]).unwrap().to_vec()].concat();
            for _ in 0..3 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (seed >> 8) as usize % bytes.len();
                bytes[at] = seed as u8;
            }
            read(&bytes);
        }
    }
}
