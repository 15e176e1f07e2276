//! What the gateway writes into the audit logs, and when.
//!
//! A command is done first and recorded then, with what came of it, before its answer leaves. When
//! it cannot be recorded, the answer is a fault: the browser asks again under the same request,
//! what was done is found done, and is recorded. Data that is only read is recorded before it
//! leaves. Of a command that failed by the world nobody was told that it was done, so it is recorded
//! when it is asked once more.
//!
//! Messages, strokes, presence and what a device does to itself stand in journals of their own,
//! with who and when, hash-chained as this one; they are not written twice.
//!
//! # Invariants
//! - **RE3** Whoever was told that something was done finds it in the log.
//! - **RE4** A command that is not placed in [`verbs`] does not compile.

use actors::{
    audit::{Answer, Audit, Head, Input, Query},
    handle::No,
};
use protocol::{
    audit::{AuditLog, By, Commitment, Draft, Log, Outcome, Thing, Verb},
    caller::Caller,
    frame::Reply,
    id::TenantId,
    key::Key,
    version,
};
use std::net::IpAddr;

use super::Gate;

pub mod verbs;

/// Writes a record; what returns is durable wherever the log is.
///
/// # Errors
/// When it cannot be written: then nothing may be acknowledged.
pub async fn write(gate: &Gate, tenant: TenantId, log: Log, draft: Draft) -> Result<(), No> {
    if gate.house.level() < version::AUDIT {
        return Ok(()); // a member of the release before could not find the log again
    }
    let key = Key::Audit(AuditLog { tenant, log });
    let input = Input::Record(draft);
    gate.house.ask::<Audit>(key, Caller::node(tenant), input).await.map(|_| ())
}

/// Writes what a person did, into the application's log.
///
/// # Errors
/// As [`write()`].
pub async fn of_person(gate: &Gate, by: &Caller, draft: Draft) -> Result<(), No> {
    write(gate, by.tenant, Log::Application, Draft { by: person(by), ..draft }).await
}

/// How long a log is, and what it comes down to.
///
/// # Errors
/// The world's.
pub async fn head(gate: &Gate, log: AuditLog) -> Result<Head, No> {
    let Answer::Head(head) = gate.house.query::<Audit>(Key::Audit(log), Query::Head).await?;
    Ok(head)
}

/// A person, as a record names one.
pub const fn person(by: &Caller) -> By {
    By::Person { person: by.person, session: by.session, role: by.role }
}

/// From where, as a record says it.
pub async fn from(gate: &Gate, address: IpAddr) -> Option<Commitment> {
    gate.audit.from(gate.house.now(), address).await
}

/// A record of somebody who is not known yet, about these.
pub async fn stranger(
    gate: &Gate,
    address: IpAddr,
    verb: Verb,
    result: Outcome,
    what: impl IntoIterator<Item = Thing>,
) -> Draft {
    let from = from(gate, address).await;
    Draft { from, ..Draft::new(verb, By::Stranger {}, result).about(what) }
}

/// Records a command of a socket with what came of it, when it is one to be recorded (RE3).
///
/// # Errors
/// When it could not be recorded.
pub async fn done(
    gate: &Gate,
    by: &Caller,
    draft: Option<Draft>,
    done: &Result<Reply, No>,
) -> Result<(), No> {
    let Some(draft) = draft else { return Ok(()) };
    let result = match done {
        Ok(_) => Outcome::Done,
        Err(No::Refused(_)) => Outcome::Refused,
        Err(_) => return Ok(()), // asked once more, and recorded then
    };
    of_person(gate, by, Draft { result, ..draft }).await
}
