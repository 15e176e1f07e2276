//! The table of rights before every route, and as something to read.
//!
//! # Invariants
//! - **RT1** A handler runs only when the table lets its caller; who that is was found out by the
//!   guard, and the handler is handed it.

use axum::{
    Extension, Json,
    extract::{Request, State},
    http::HeaderMap,
    middleware::Next,
    response::{IntoResponse, Response},
};
use protocol::{
    caller::Caller,
    frame::Refusal,
    rights::{Act, Cell, Route, Who},
    session::Origin,
};
use serde_json::{Value, json};

use super::{Shared, auth::session_of, bodies::Not, operator};

/// Somebody who is signed in and may do what this route does.
#[derive(Clone)]
pub struct Signed {
    /// Who it is.
    pub by: Caller,
    /// How the session came to be.
    pub origin: Origin,
}

/// Lets through whom the table lets (RT1).
pub async fn guard(
    State((gate, route)): State<(Shared, Route)>,
    headers: HeaderMap,
    mut request: Request,
    next: Next,
) -> Response {
    match allowed(&gate, route.act(), &headers).await {
        Ok(None) => {}
        Ok(Some(signed)) => drop(request.extensions_mut().insert(signed)),
        Err(no) => return no.into_response(),
    }
    next.run(request).await
}

/// Who may do this, when it matters who it is.
async fn allowed(gate: &Shared, act: Act, headers: &HeaderMap) -> Result<Option<Signed>, Not> {
    if act.cell(Who::Visitor) == Cell::Allowed {
        return Ok(None);
    }
    if act.cell(Who::Desk) == Cell::Allowed {
        operator::let_in(gate, headers)?;
        return Ok(None);
    }
    let (by, origin) = session_of(gate, headers).await?;
    act.by(by.role).map_err(|why| Not::refused(Refusal::Rights { why }))?;
    Ok(Some(Signed { by, origin }))
}

/// `GET /api/rights`: the table (S128).
pub async fn table(Extension(_): Extension<Signed>) -> Json<Value> {
    let row = |act: &Act| {
        let cells = Who::ALL.map(|who| match act.cell(who) {
            Cell::Allowed => "yes",
            Cell::Refused => "no",
            Cell::Empty => "never",
        });
        json!({ "act": act.name(), "matter": act.matter(), "cells": cells })
    };
    let rows: Vec<Value> = Act::ALL.iter().map(row).collect();
    Json(json!({ "who": Who::ALL, "acts": rows }))
}
