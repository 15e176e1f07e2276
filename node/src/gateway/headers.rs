//! Security headers on every answer.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

use super::{Shared, guard::socket_origin};

/// What a page may load and do: only what came from this node. Its sockets may go to the nodes of
/// this cluster, and nowhere else.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; \
    media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; base-uri 'none'; \
    form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types svelte-trusted-html";

const HEADERS: [(HeaderName, &str); 8] = [
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), microphone=(self), display-capture=(self), geolocation=(), usb=(), \
         payment=(), interest-cohort=()",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

/// Adds every header that the handler did not set itself.
pub async fn add(State(gate): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let policy = policy(&gate.pages.borrow());
    add_to(response.headers_mut(), policy);
    response
}

/// The policy with the sockets of these nodes; what is no plain origin is left out.
fn policy(nodes: &[String]) -> HeaderValue {
    let own = HeaderValue::from_static(POLICY);
    let sockets: Vec<String> = nodes.iter().filter_map(|node| socket_origin(node)).collect();
    if sockets.is_empty() {
        return own;
    }
    let with = format!("connect-src 'self' {};", sockets.join(" "));
    HeaderValue::from_str(&POLICY.replace("connect-src 'self';", &with)).unwrap_or(own)
}

fn add_to(headers: &mut HeaderMap, policy: HeaderValue) {
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_go_to_the_nodes_of_the_cluster_and_nowhere_else() {
        let nodes = ["https://a.example:8443", "https://b.example", "https://c; script-src *"];
        let text = policy(&nodes.map(String::from));
        let text = text.to_str().expect("plain text");
        assert!(text.contains("connect-src 'self' wss://a.example:8443 wss://b.example; media"));
        assert!(!text.contains('*') && text.matches("script-src").count() == 1, "{text}");
        assert_eq!(policy(&[]), POLICY);
    }
}
