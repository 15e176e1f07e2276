//! Whether a picture can be started at this packet. The only look into a payload the node takes.

use super::codec::Name;

/// True when this payload begins a key frame.
pub(super) fn starts_picture(codec: Name, payload: &[u8]) -> bool {
    match codec {
        Name::Opus => true,
        Name::Vp8 => vp8(payload).unwrap_or(false),
        Name::Vp9 => payload.first().is_some_and(|b| b & 0x40 == 0 && b & 0x08 != 0),
        Name::H264 => h264(payload).unwrap_or(false),
        // The first packet of a coded video sequence says so.
        Name::Av1 => payload.first().is_some_and(|b| b & 0x08 != 0),
    }
}

fn vp8(payload: &[u8]) -> Option<bool> {
    let first = *payload.first()?;
    let mut at = 1;
    if first & 0x80 != 0 {
        let more = *payload.get(at)?;
        at += 1;
        if more & 0x80 != 0 {
            at += if payload.get(at)? & 0x80 != 0 { 2 } else { 1 };
        }
        at += usize::from(more & 0x40 != 0);
        at += usize::from(more & 0x30 != 0);
    }
    let starts_frame = first & 0x10 != 0 && first & 0x07 == 0;
    Some(starts_frame && payload.get(at)? & 0x01 == 0)
}

fn h264(payload: &[u8]) -> Option<bool> {
    // An instantaneous refresh, or the parameters that always precede one.
    let starts = |nal: u8| matches!(nal & 0x1f, 5 | 7);
    match payload.first()? & 0x1f {
        24 => {
            let mut rest = payload.get(1..)?;
            while let [high, low, nal, ..] = *rest {
                if starts(nal) {
                    return Some(true);
                }
                rest = rest.get(2 + usize::from(u16::from_be_bytes([high, low]))..)?;
            }
            Some(false)
        }
        28 => payload.get(1).map(|head| head & 0x80 != 0 && starts(*head)),
        _ => Some(starts(payload[0])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_first_bytes() {
        // Chromium: X=1 S=1, I+L+T+K with a two-byte picture number, then the frame tag.
        let key = [0x90, 0xe0, 0x80, 0x01, 0x00, 0x00, 0x10];
        let delta = [0x90, 0xe0, 0x80, 0x01, 0x00, 0x00, 0x11];
        assert!(starts_picture(Name::Vp8, &key));
        assert!(!starts_picture(Name::Vp8, &delta));
        assert!(starts_picture(Name::Vp8, &[0x10, 0x50]));
        assert!(!starts_picture(Name::Vp8, &[0x00, 0x50]), "not the frame's first packet");
        assert!(starts_picture(Name::Vp9, &[0x8f]));
        assert!(!starts_picture(Name::Vp9, &[0xcf]));
        assert!(starts_picture(Name::H264, &[0x67, 0x42]));
        assert!(starts_picture(Name::H264, &[0x78, 0, 1, 0x67, 0, 1, 0x65]));
        assert!(starts_picture(Name::H264, &[0x7c, 0x85]));
        assert!(!starts_picture(Name::H264, &[0x7c, 0x05]), "not the first fragment");
        assert!(!starts_picture(Name::H264, &[0x61]));
        assert!(starts_picture(Name::Av1, &[0x18]));
        assert!(!starts_picture(Name::Av1, &[0x10]));
    }

    #[test]
    fn hostile_payloads_never_panic() {
        for name in [Name::Vp8, Name::Vp9, Name::H264, Name::Av1, Name::Opus] {
            for len in 0..8 {
                for fill in [0u8, 0x18, 0x1c, 0x78, 0x80, 0xf0, 0xff] {
                    starts_picture(name, &vec![fill; len]);
                }
            }
        }
    }
}
