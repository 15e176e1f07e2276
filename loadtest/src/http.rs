//! The two posts a person makes before there is a socket: one request, one answer, one stream.

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::site::Site;

/// Bytes of an answer, at most: these answers are small.
const ANSWER_BYTES: u64 = 64 * 1024;

/// What the node answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The session's cookie, as `name=value`.
    pub(crate) cookie: Option<String>,
    /// The body.
    pub(crate) body: String,
}

/// Posts JSON and reads the whole answer.
pub(crate) async fn post(site: &Site, path: &str, body: &serde_json::Value) -> Result<Answer> {
    let mut stream = site.connect().await?;
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nOrigin: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        site.host,
        site.origin,
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    // TLS keeps what the socket did not take at once; only a flush sends it for certain.
    stream.flush().await?;
    let mut bytes = Vec::new();
    let mut bounded = stream.take(ANSWER_BYTES);
    // A peer that closes without TLS's goodbye has still answered, if the length is right.
    let end = bounded.read_to_end(&mut bytes).await;
    let answer = parse(&String::from_utf8_lossy(&bytes));
    match end {
        Err(why) if answer.is_err() => Err(why)
            .with_context(|| format!("POST {path}, after {} bytes of its answer", bytes.len())),
        _ => answer.with_context(|| format!("POST {path}")),
    }
}

fn parse(text: &str) -> Result<Answer> {
    let (head, body) = text.split_once("\r\n\r\n").context("the answer has no end of its head")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let (mut cookie, mut length) = (None, None);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        match name.to_ascii_lowercase().as_str() {
            "set-cookie" => {
                let pair = value.split(';').next().unwrap_or_default().trim();
                cookie = Some(pair.to_owned());
            }
            "content-length" => length = value.trim().parse::<usize>().ok(),
            "transfer-encoding" => bail!("the answer comes in chunks, which a small one need not"),
            _ => {}
        }
    }
    if length.is_some_and(|length| length != body.len()) {
        bail!("the answer was cut short");
    }
    let status = status.context("the answer has no status")?;
    Ok(Answer { status, cookie, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart_and_a_cut_one_is_not() {
        let text =
            "HTTP/1.1 200 OK\r\nset-cookie: k=v; Path=/; HttpOnly\r\ncontent-length: 2\r\n\r\n{}";
        let answer = parse(text).expect("whole");
        assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
        assert_eq!(answer.cookie.as_deref(), Some("k=v"));
        assert!(parse(&text[..text.len() - 1]).is_err(), "cut in the body");
        assert!(parse("HTTP/1.1 200 OK\r\n").is_err(), "cut in the head");
    }
}
