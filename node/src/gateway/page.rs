//! The web app, embedded when the node was built.

use super::{Gate, Shared};
use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::{Embed, EmbeddedFile};

#[derive(Embed)]
#[folder = "web/dist"]
#[allow_missing = true]
#[exclude = ".vite/*"]
struct Dist;

/// What stands on every page of a test system (S135), whatever the page itself does.
const TEST_MARK: &str = "<p class=\"test-system\" role=\"note\">Testbetrieb / Test system</p>";

/// `GET /`: sign-in and start page.
pub async fn app(State(gate): State<Shared>, request: Request) -> Response {
    page("app.html", &gate, &request)
}

/// `GET /room` and `GET /room/{room}`: lobby and room.
pub async fn room(State(gate): State<Shared>, request: Request) -> Response {
    page("room.html", &gate, &request)
}

/// `GET /operator`: the cluster, for whoever runs it.
pub async fn operator(State(gate): State<Shared>, request: Request) -> Response {
    page("operator.html", &gate, &request)
}

/// Everything else that the build made.
pub async fn asset(Path(name): Path<String>, request: Request) -> Response {
    match Dist::get(&name) {
        Some(file) => serve(&name, file, &request),
        None => (StatusCode::NOT_FOUND, "Nicht gefunden. / Not found.\n").into_response(),
    }
}

fn page(name: &str, gate: &Gate, request: &Request) -> Response {
    if let Err(no) = gate.tenancy.of(request.headers()) {
        let said = "Dieser Mandant ist geschlossen. / This tenant is closed.\n";
        return (no.status(), said).into_response(); // TN3
    }
    let test = gate.tenancy.is_test(request.headers());
    match Dist::get(name) {
        Some(file) if test => {
            let headers = [
                (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                (header::CACHE_CONTROL, "no-cache"),
            ];
            (headers, marked(&String::from_utf8_lossy(&file.data))).into_response()
        }
        Some(file) => serve(name, file, request),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "This node was built without its web app. Run `cargo xtask dev`, which builds both.\n",
        )
            .into_response(),
    }
}

/// A page of a test system: the mark comes first, whatever follows.
fn marked(page: &str) -> String {
    let body = page.find("<body").and_then(|at| Some(at + page[at..].find('>')? + 1));
    let (before, after) = page.split_at(body.unwrap_or(0));
    format!("{before}{TEST_MARK}{after}")
}

fn serve(name: &str, file: EmbeddedFile, request: &Request) -> Response {
    let kind = HeaderValue::from_str(file.metadata.mimetype());
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let (file, encoding) = packed(name, request.headers()).unwrap_or((file, "identity"));
    let hash = file.metadata.sha256_hash();
    let tag = format!("\"{:032x}\"", u128::from_be_bytes(first_half(hash)));
    let known = request.headers().get(header::IF_NONE_MATCH);
    // A name with a hash in it never changes; a page does with every release.
    let cache = if name.starts_with("assets/") {
        HeaderValue::from_static("public, max-age=31536000, immutable")
    } else {
        HeaderValue::from_static("no-cache")
    };
    let headers = [
        (header::CACHE_CONTROL, cache),
        (header::ETAG, HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let content = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_ENCODING, HeaderValue::from_static(encoding)),
    ];
    (headers, content, file.data).into_response()
}

/// What the build packed ahead, in the best way this browser takes.
fn packed(name: &str, headers: &HeaderMap) -> Option<(EmbeddedFile, &'static str)> {
    let taken = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    let takes = |word: &str| {
        let mut offers = taken.split(',').map(|it| it.split(';'));
        offers.any(|mut offer| {
            offer.next().is_some_and(|it| it.trim() == word)
                && !offer.any(|it| matches!(it.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
    };
    let mut ways = [("br", ".br"), ("gzip", ".gz")].into_iter().filter(|(word, _)| takes(word));
    ways.find_map(|(word, end)| Some((Dist::get(&format!("{name}{end}"))?, word)))
}

fn first_half(hash: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s135_every_page_of_a_test_system_begins_with_the_mark() {
        let page = "<!doctype html><html><body class=\"x\"><div id=\"app\"></div></body></html>";
        let marked = marked(page);
        assert!(marked.contains("<body class=\"x\"><p class=\"test-system\""), "{marked}");
        assert_eq!(marked.replace(TEST_MARK, ""), page, "and is the same otherwise");
        assert!(super::marked("odd").starts_with(TEST_MARK));
    }
}
