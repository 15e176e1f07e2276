//! Reading the audit logs: a page of records for whoever may, and what is exported.
//!
//! # Invariants
//! - **AR1** Each log is shown to those whom the table of rights names, within its own tenant: the
//!   application's to some roles, the system's to whoever holds an operator's cookie, and neither to
//!   the other (S152, S153). *(kept by [`super::rights`], which asks before)*
//! - **AR2** Who reads is recorded, in the log that is read, before anything of it is shown.
//! - **AR3** One request looks at [`SCAN`] records at most.

use actors::{audit::Audit, handle::No, keeper};
use axum::{
    Extension,
    extract::{Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use protocol::{
    audit::{AuditEvent, AuditLog, By, Draft, Log, Outcome, Purpose, Record, Thing, Verb},
    codec,
    frame::Fault,
    id::{PersonId, Seq},
    key::Key,
    limits,
};
use serde::Deserialize;
use serde_json::json;

use super::{Gate, Shared, bodies::Not, record, rights::Signed};
use crate::{
    audit::{export::Said, key_of},
    cluster::admin::{Order, Outcome as Answer, Piece},
};

/// Records one request looks at.
const SCAN: usize = limits::AUDIT_PAGE * 8;
/// Bytes of lines in one piece of an export, at most.
const PIECE: usize = 1024 * 1024;

/// Which records are asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    /// Those behind this number.
    after: u64,
    /// How many at most.
    limit: Option<usize>,
    /// Of this verb alone.
    verb: Option<Verb>,
    /// Of this person, or about this person, alone.
    person: Option<PersonId>,
}

impl Wanted {
    fn takes(&self, record: &Record) -> bool {
        let verb = self.verb.is_none_or(|verb| verb == record.verb);
        let person = self.person.is_none_or(|wanted| {
            let by = matches!(record.by, By::Person { person, .. } if person == wanted);
            by || record.what.contains(&wanted.to_string())
        });
        verb && person
    }
}

/// `GET /api/audit?after=…&limit=…&verb=…&person=…`
pub async fn application(
    State(gate): State<Shared>,
    Extension(Signed { by, .. }): Extension<Signed>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Not> {
    let log = AuditLog { tenant: by.tenant, log: Log::Application };
    page(&gate, log, record::person(&by), &wanted).await
}

/// `GET /api/operator/audit`, with the same words.
pub async fn system(
    State(gate): State<Shared>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Not> {
    let log = AuditLog { tenant: gate.tenant, log: Log::System };
    page(&gate, log, By::Operator {}, &wanted).await
}

/// Records that somebody reads, and shows a page: the records as they are kept, how many there are,
/// and behind which number the next page begins.
async fn page(gate: &Gate, log: AuditLog, by: By, wanted: &Wanted) -> Result<Response, Not> {
    read_by(gate, log, by, Verb::AuditRead).await?; // AR2
    let size = record::head(gate, log).await?.size;
    let limit = wanted.limit.unwrap_or(limits::AUDIT_PAGE).min(limits::AUDIT_PAGE);
    let (mut shown, mut next) = (Vec::new(), wanted.after);
    let upto = size.min(wanted.after.saturating_add(SCAN as u64)); // AR3
    while next < upto && shown.len() < limit {
        let lines = lines(gate, log, next, upto).await?;
        if lines.is_empty() {
            break;
        }
        for line in lines {
            next += 1;
            let record = codec::from_json::<Record, { limits::EVENT_BYTES }>(&line);
            let record = record.map_err(|_| Not::faulted(Fault::Disk))?;
            if wanted.takes(&record) {
                shown.push(line);
            }
            if shown.len() == limit {
                break;
            }
        }
    }
    let records = shown.join(",");
    let body = format!("{{\"size\":{size},\"next\":{next},\"records\":[{records}]}}");
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Lines behind `after` and up to `upto`: as many as one look brings.
async fn lines(gate: &Gate, log: AuditLog, after: u64, upto: u64) -> Result<Vec<String>, No> {
    let limit = usize::try_from(upto.saturating_sub(after)).unwrap_or(usize::MAX);
    let limit = limit.min(limits::AUDIT_PAGE);
    let entries = gate.house.history(Key::Audit(log), Seq(after), limit).await?;
    let line = |entry: storage::Entry| {
        let event = keeper::event::<Audit>(&entry.body);
        event.map(|AuditEvent::Recorded { line, .. }| line).map_err(|_| No::Faulted(Fault::Disk))
    };
    entries.into_iter().map(line).collect()
}

async fn read_by(gate: &Gate, log: AuditLog, by: By, verb: Verb) -> Result<(), No> {
    let draft = Draft::new(verb, by, Outcome::Done).about([Thing::Log { log: log.log }]);
    let draft = Draft { purpose: Some(Purpose::Audit), ..draft };
    record::write(gate, log.tenant, log.log, draft).await
}

/// Carries out an operator's order about a log.
pub async fn obey(gate: &Gate, order: &Order) -> Answer {
    let done = match order {
        Order::AuditHead { tenant, log, taken } => {
            let log = AuditLog { tenant: tenant.unwrap_or(gate.tenant), log: *log };
            said(gate, log, *taken).await.map(|said| Answer::Done(json!(said)))
        }
        Order::AuditLines { tenant, log, after, upto } => {
            let log = AuditLog { tenant: tenant.unwrap_or(gate.tenant), log: *log };
            piece(gate, log, *after, *upto).await.map(Answer::Bytes)
        }
        _ => return Answer::No("this node does not do that".into()),
    };
    done.unwrap_or_else(|no| Answer::No(format!("the log cannot be read now: {no:?}")))
}

/// How a log stands, signed.
async fn said(gate: &Gate, log: AuditLog, taken: bool) -> Result<Said, No> {
    if taken {
        read_by(gate, log, By::Operator {}, Verb::AuditExported).await?; // AR2
    }
    let head = record::head(gate, log).await?;
    let key = key_of(&gate.secrets, log);
    let verifier = key.verifier().to_string();
    Ok(Said { tenant: log.tenant, checkpoint: key.sign(head.size, head.root), verifier })
}

/// Lines as a bundle holds them.
async fn piece(gate: &Gate, log: AuditLog, after: u64, upto: u64) -> Result<Piece, No> {
    let mut bytes = Vec::new();
    for line in lines(gate, log, after, upto).await? {
        let Ok(length) = u16::try_from(line.len()) else { return Err(No::Faulted(Fault::Disk)) };
        bytes.extend(length.to_be_bytes());
        bytes.extend(line.as_bytes());
        if bytes.len() > PIECE {
            break;
        }
    }
    Ok(Piece::new(bytes, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{caller::Role, id::SessionId, time::Time};

    #[test]
    fn a_person_is_found_as_who_did_it_and_as_whom_it_was_done_to() {
        let person = PersonId::from_u128(7);
        let by = By::Person { person, session: SessionId::from_u128(1), role: Role::Expert };
        let record = |by, what: &[PersonId]| Record {
            number: 1,
            at: Time::from_ms(1),
            verb: Verb::NamesRead,
            by,
            what: what.iter().map(ToString::to_string).collect(),
            purpose: None,
            result: Outcome::Done,
            change: None,
            from: None,
            before: String::new(),
        };
        let wanted = Wanted { person: Some(person), ..Wanted::default() };
        assert!(wanted.takes(&record(by, &[])) && wanted.takes(&record(By::Node {}, &[person])));
        assert!(!wanted.takes(&record(By::Node {}, &[PersonId::from_u128(8)])));
        let wanted = Wanted { verb: Some(Verb::SignIn), ..Wanted::default() };
        assert!(!wanted.takes(&record(by, &[])));
    }
}
