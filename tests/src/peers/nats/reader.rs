//! What a NATS server says, taken apart however it was cut on the way.

use anyhow::{Context, Result, bail};

/// Bytes of one message, at most.
const MESSAGE_BYTES: usize = 1 << 20;

/// One thing said.
#[derive(Debug, PartialEq, Eq)]
pub enum Word<'a> {
    /// A message.
    Message {
        /// Where it was sent.
        subject: &'a str,
        /// What it says.
        body: &'a [u8],
    },
    /// Are you there? Wants `PONG`.
    Ping,
    /// Everything before it was done.
    Pong,
    /// Something else: a greeting, a yes.
    Other,
}

/// Remembers what is not whole yet.
#[derive(Debug, Default)]
pub struct Reader {
    rest: Vec<u8>,
}

impl Reader {
    /// Takes in bytes and tells every word that is whole by now.
    ///
    /// # Errors
    /// When the server complains, or speaks another language.
    pub fn take(&mut self, bytes: &[u8], mut each: impl FnMut(Word<'_>)) -> Result<()> {
        // The usual frame is whole, and then nothing is copied.
        if self.rest.is_empty() {
            let used = read(bytes, &mut each)?;
            self.rest.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        self.rest.extend_from_slice(bytes);
        let used = read(&self.rest, &mut each)?;
        self.rest.drain(..used);
        Ok(())
    }
}

/// Tells every whole word and how many bytes they were.
fn read(bytes: &[u8], each: &mut impl FnMut(Word<'_>)) -> Result<usize> {
    let mut at = 0;
    while let Some(end) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        let line = str::from_utf8(&bytes[at..at + end]).context("a line is text")?.trim_end();
        let after = at + end + 1;
        let mut words = line.split(' ');
        match words.next().unwrap_or_default() {
            "MSG" => {
                let subject = words.next().context("a message has a subject")?;
                let length: usize = words.next_back().context("and a length")?.parse()?;
                if length > MESSAGE_BYTES {
                    bail!("a message of {length} bytes");
                }
                let Some(body) = bytes.get(after..after + length + 2) else { break };
                each(Word::Message { subject, body: &body[..length] });
                at = after + length + 2;
                continue;
            }
            "PING" => each(Word::Ping),
            "PONG" => each(Word::Pong),
            "-ERR" => bail!("the server says {line}"),
            _ => each(Word::Other),
        }
        at = after;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_wherever_they_are_cut() {
        let said = b"INFO {}\r\nPING\r\nMSG a.b 1 5\r\nh\nllo\r\nMSG c 1 in.box 0\r\n\r\nPONG\r\n";
        let spell = |word: Word<'_>| format!("{word:?}");
        let mut whole = Vec::new();
        Reader::default().take(said, |word| whole.push(spell(word))).expect("whole");
        assert_eq!(whole.len(), 5);
        let hello = Word::Message { subject: "a.b", body: b"h\nllo" };
        assert_eq!(whole[2], spell(hello));
        for cut in 0..said.len() {
            let (mut reader, mut parts) = (Reader::default(), Vec::new());
            for piece in [&said[..cut], &said[cut..]] {
                reader.take(piece, |word| parts.push(spell(word))).expect("whole");
            }
            assert_eq!(parts, whole, "cut at {cut}");
        }
        assert!(Reader::default().take(b"-ERR 'no'\r\n", |_| ()).is_err());
        assert!(Reader::default().take(b"MSG a 1 99999999\r\n", |_| ()).is_err());
    }
}
