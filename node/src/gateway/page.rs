//! The web app, embedded when the node was built.

use axum::{
    extract::{Path, Request},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::{Embed, EmbeddedFile};

#[derive(Embed)]
#[folder = "web/dist"]
#[allow_missing = true]
#[exclude = ".vite/*"]
struct Dist;

/// `GET /`: sign-in and start page.
pub async fn app(request: Request) -> Response {
    page("app.html", &request)
}

/// `GET /room` and `GET /room/{room}`: lobby and room.
pub async fn room(request: Request) -> Response {
    page("room.html", &request)
}

/// Everything else that the build made.
pub async fn asset(Path(name): Path<String>, request: Request) -> Response {
    match Dist::get(&name) {
        Some(file) => serve(&name, file, &request),
        None => (StatusCode::NOT_FOUND, "Nicht gefunden. / Not found.\n").into_response(),
    }
}

fn page(name: &str, request: &Request) -> Response {
    match Dist::get(name) {
        Some(file) => serve(name, file, request),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "This node was built without its web app. Run `cargo xtask dev`, which builds both.\n",
        )
            .into_response(),
    }
}

fn serve(name: &str, file: EmbeddedFile, request: &Request) -> Response {
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
    ];
    if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let kind = [(header::CONTENT_TYPE, file.metadata.mimetype().to_string())];
    (headers, kind, file.data).into_response()
}

fn first_half(hash: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}
