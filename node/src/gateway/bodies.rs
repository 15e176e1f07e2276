//! Answers under `/api`: a value, or a `Reply` that says why not.

use actors::handle::No;
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use protocol::{
    conversation::ConversationRefusal,
    file::FileRefusal,
    frame::{Fault, Refusal, Reply},
    session::SessionRefusal,
    tenant::TenantRefusal,
};

/// Why a request was not done.
#[derive(Debug)]
pub struct Not(StatusCode, Reply);

impl Not {
    /// By the rules of a word.
    pub fn refused(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::Session { .. } => StatusCode::UNAUTHORIZED,
            Refusal::Tenant { why: TenantRefusal::LinkExpired | TenantRefusal::LinkRevoked }
            | Refusal::Tenant { why: TenantRefusal::CaseClosed | TenantRefusal::TenantClosed }
            | Refusal::File { why: FileRefusal::Gone } => StatusCode::GONE,
            Refusal::Tenant { why: TenantRefusal::NotFound }
            | Refusal::Conversation { why: ConversationRefusal::NotFound }
            | Refusal::File { why: FileRefusal::NotFound } => StatusCode::NOT_FOUND,
            Refusal::File { why: FileRefusal::TooLarge } => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Vault { .. } | Refusal::Rights { .. } => StatusCode::FORBIDDEN,
            _ => StatusCode::CONFLICT,
        };
        Self(status, Reply::Refused { refusal })
    }

    /// By the world.
    pub fn faulted(fault: Fault) -> Self {
        let status = match fault {
            Fault::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(status, Reply::Faulted { fault })
    }

    /// Too often from one address.
    pub fn too_often() -> Self {
        Self(StatusCode::TOO_MANY_REQUESTS, Reply::Faulted { fault: Fault::Busy })
    }

    /// The body is longer than any form.
    pub fn too_large() -> Self {
        let refusal = Refusal::File { why: FileRefusal::TooLarge };
        Self::refused(refusal)
    }

    /// The body does not arrive.
    pub fn too_slow() -> Self {
        Self(StatusCode::REQUEST_TIMEOUT, Reply::Faulted { fault: Fault::Timeout })
    }

    /// Whether it is the session, or the link it came by, that is worth nothing.
    pub fn is_session(&self) -> bool {
        matches!(self.1, Reply::Refused { .. })
    }

    /// How it is told over HTTP.
    pub fn status(&self) -> StatusCode {
        self.0
    }

    /// Whether it is by the rules rather than by the world.
    pub fn is_refusal(&self) -> bool {
        matches!(self.1, Reply::Refused { .. })
    }

    /// Nobody is signed in.
    pub fn unknown() -> Self {
        Self::refused(Refusal::Session { why: SessionRefusal::NotFound })
    }

    /// The request is from a page of another site.
    pub fn foreign() -> Self {
        let refusal = Refusal::Session { why: SessionRefusal::NotFound };
        Self(StatusCode::FORBIDDEN, Reply::Refused { refusal })
    }
}

impl From<No> for Not {
    fn from(no: No) -> Self {
        match no {
            No::Refused(refusal) => Self::refused(refusal),
            No::Faulted(fault) => Self::faulted(fault),
            No::Asleep | No::Away => Self::faulted(Fault::Restarted),
        }
    }
}

impl IntoResponse for Not {
    fn into_response(self) -> Response {
        let alone = matches!(self.1, Reply::Faulted { fault: Fault::OneCopy });
        let later = alone || self.0 == StatusCode::TOO_MANY_REQUESTS;
        let mut response = (self.0, Json(self.1)).into_response();
        if later {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        }
        response
    }
}

/// What an answer to an ask says of a no.
pub fn reply_of(no: No) -> Reply {
    match no {
        No::Refused(refusal) => Reply::Refused { refusal },
        No::Faulted(fault) => Reply::Faulted { fault },
        No::Asleep | No::Away => Reply::Faulted { fault: Fault::Restarted },
    }
}
