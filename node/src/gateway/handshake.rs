//! From a request to a WebSocket (RFC 6455, 4.2).

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::upgrade::OnUpgrade;
use protocol::websocket::HANDSHAKE;
use storage::digest::sha1;

use super::pipe::Pipe;

/// A request for a WebSocket, not yet answered.
pub(super) struct Handshake {
    answer: HeaderValue,
    connection: OnUpgrade,
}

impl Handshake {
    /// Takes the connection out of a request, when it asks for a WebSocket.
    pub(super) fn of(request: &mut Request) -> Option<Self> {
        let headers = request.headers();
        let asks = has(headers, header::CONNECTION, "upgrade")
            && has(headers, header::UPGRADE, "websocket")
            && has(headers, header::SEC_WEBSOCKET_VERSION, "13");
        let answer = answer(headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| asks)?)?;
        let connection = request.extensions_mut().remove::<OnUpgrade>()?;
        Some(Self { answer, connection })
    }

    /// Says yes; `live` is the socket's life, in a task of its own.
    pub(super) fn accept<L: Future<Output = ()> + Send>(
        self,
        live: impl FnOnce(Pipe) -> L + Send + 'static,
    ) -> Response<Body> {
        let Self { answer, connection } = self;
        tokio::spawn(async move {
            // A browser that is gone before the answer needs no socket.
            if let Ok(connection) = connection.await {
                live(Pipe::new(connection)).await;
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, answer);
        response
    }
}

/// Whether a header names this, whatever else it names.
fn has(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let words = headers.get_all(name);
    let mut words = words.iter().filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(','));
    words.any(|it| it.trim().eq_ignore_ascii_case(word))
}

/// What proves to a browser that its key was read.
fn answer(key: &HeaderValue) -> Option<HeaderValue> {
    let hash = sha1(&[key.as_bytes(), HANDSHAKE.as_bytes()].concat());
    HeaderValue::from_str(&STANDARD.encode(hash)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_the_rfc() {
        let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(answer(&key).expect("text"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_header_may_name_more() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        assert!(has(&headers, header::CONNECTION, "upgrade"));
        assert!(!has(&headers, header::CONNECTION, "close"));
        assert!(!has(&headers, header::UPGRADE, "websocket"));
    }
}
