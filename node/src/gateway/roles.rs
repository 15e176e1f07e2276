//! Which role somebody signs in with, and whether it is still theirs.
//!
//! # Invariants
//! - **RO1** A session is worth nothing once its role was taken away or has ended.

use actors::{
    accounts::{self, Accounts},
    handle::ODD,
    vault::{self, Vault},
};
use protocol::{
    accounts::{AccountsCommand, Held},
    caller::{Caller, Role},
    frame::{Refusal, Reply},
    id::{GrantId, PersonId, TenantId},
    key::Key,
    rights::RightsRefusal,
    session::SessionRefusal,
    time::Time,
    version,
};

use super::{Gate, bodies::Not};
use actors::handle::{Asker, No};

/// The roles somebody holds now, the least powerful first; none when there is no account, and then
/// the vault's word counts, or the session's.
async fn held(gate: &Gate, tenant: TenantId, person: PersonId) -> Result<Option<Vec<Held>>, No> {
    if gate.house.level() < version::ACCOUNTS {
        return Ok(None); // nobody has one before every member knows what they are
    }
    let query = accounts::Query::Roles { person, now: gate.house.now() };
    match gate.house.query::<Accounts>(Key::Accounts(tenant), query).await? {
        accounts::Answer::Roles(roles) => Ok(roles),
        _ => Err(ODD),
    }
}

/// The role to sign in with: the one that was asked for, or the least powerful. And until when.
///
/// # Errors
/// `NotAllowed` when the person holds none, or not that one.
pub async fn chosen(
    gate: &Gate,
    (tenant, person, before): (TenantId, PersonId, Role),
    wanted: Option<Role>,
) -> Result<(Role, Option<Time>), Not> {
    let held = held(gate, tenant, person).await?;
    let from_before = || vec![Held { role: before, since: Time::default(), until: None }];
    let held = held.unwrap_or_else(from_before);
    let mut fits = held.into_iter().filter(|it| wanted.is_none_or(|role| role == it.role));
    let none = || Not::refused(Refusal::Rights { why: RightsRefusal::NotAllowed });
    fits.next().map(|it| (it.role, it.until)).ok_or_else(none)
}

/// Until when somebody who signed in in this role may go on in it; none: for ever.
///
/// # Errors
/// As for a session that was ended, when the role is theirs no longer (RO1).
pub async fn still(
    gate: &Gate,
    (tenant, person, role): (TenantId, PersonId, Role),
) -> Result<Option<Time>, Not> {
    let Some(held) = held(gate, tenant, person).await? else { return Ok(None) };
    let theirs = held.into_iter().find(|it| it.role == role);
    let over = || Not::refused(Refusal::Session { why: SessionRefusal::Closed });
    theirs.map(|it| it.until).ok_or_else(over)
}

/// What an administrator asks of the accounts.
///
/// # Errors
/// What the accounts answered, or what failed.
pub async fn change(
    gate: &Gate,
    asker: Asker,
    request: &str,
    command: AccountsCommand,
) -> Result<Reply, No> {
    use AccountsCommand::{Assign, Request, Withdraw};
    let by: Caller = asker.by;
    if gate.house.level() < version::ACCOUNTS {
        return Err(No::Faulted(protocol::frame::Fault::Busy)); // until the last member is upgraded
    }
    let before = match &command {
        Request { person, .. } | Assign { person, .. } | Withdraw { person, .. } => {
            let query = vault::Query::Role { person: *person };
            match gate.house.query::<Vault>(Key::Vault(by.tenant), query).await? {
                vault::Answer::Role(role) => role,
                _ => return Err(ODD),
            }
        }
        _ => None,
    };
    // The same request makes the same id, so a retry finds what the first try made.
    let person = by.person.as_u128().to_be_bytes();
    let grant = gate.secrets.derive(&[b"grant", &person, request.as_bytes()]);
    let grant = GrantId::from_u128(grant);
    let requests = matches!(command, Request { .. });
    let input = accounts::Input::Command { command, grant, before };
    let seq = gate.house.ask::<Accounts>(Key::Accounts(by.tenant), asker, input).await?;
    Ok(if requests { Reply::Requested { grant } } else { Reply::Done { seq } })
}

/// Whom of these the caller may know as holders of accounts.
///
/// # Errors
/// What failed.
pub async fn known(gate: &Gate, by: Caller, people: Vec<PersonId>) -> Result<Vec<PersonId>, No> {
    let query = accounts::Query::Knows { by, people };
    match gate.house.query::<Accounts>(Key::Accounts(by.tenant), query).await? {
        accounts::Answer::Knows(known) => Ok(known),
        _ => Err(ODD),
    }
}
