//! An answer as it came over the wire.

use serde_json::Value;

/// Status, headers and body of one answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, after chunks were joined.
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads an answer; nothing when it is not whole.
    pub fn read(bytes: &[u8], head_only: bool) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let pair = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_string()))
        };
        let headers = lines.map(pair).collect::<Option<Vec<_>>>()?;
        let mut answer = Self { status, headers, body: Vec::new() };
        let rest = &bytes[end + 4..];
        answer.body = match answer.header("transfer-encoding") {
            _ if head_only => Vec::new(),
            Some("chunked") => joined(rest)?,
            _ => rest.to_vec(),
        };
        let announced = answer.header("content-length").and_then(|it| it.parse::<usize>().ok());
        let bodiless = head_only || status == 304;
        let whole = bodiless || announced.is_none_or(|length| length == answer.body.len());
        whole.then_some(answer)
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, or null.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The cookie that was set, without its attributes.
    pub fn cookie(&self) -> Option<String> {
        self.header("set-cookie")?.split(';').next().map(str::to_string)
    }

    /// Why the node refused or could not: `refusal.why`, or `fault`.
    pub fn why(&self) -> String {
        let json = self.json();
        let why = json.pointer("/refusal/why").or(json.pointer("/fault"));
        why.and_then(Value::as_str).unwrap_or_default().to_string()
    }
}

fn joined(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + length)?);
        rest = rest.get(end + 2 + length + 2..)?;
    }
}
