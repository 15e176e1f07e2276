//! What whoever runs the machine does about people: lets the first ones in, and reads who may what.

use actors::{
    accounts::{self, Accounts},
    handle::{No, ODD},
    vault::{self, Vault},
};
use protocol::{
    accounts::{AccountsRefusal, AccountsView, is_critical},
    caller::{Caller, Role},
    cluster::TenantInfo,
    frame::Refusal,
    id::{PersonId, TenantId},
    key::Key,
    version,
};
use serde_json::json;
use std::collections::BTreeMap;

use crate::{
    clock::now,
    cluster::admin::{Order, Outcome},
    dev::new_password,
    gateway::{Gate, auth},
    secrets::chance,
};

type Tenants = BTreeMap<TenantId, TenantInfo>;

/// Carries out an order about people; any other is none of this file's.
pub(super) async fn obey(gate: &Gate, tenants: &Tenants, order: Order) -> Outcome {
    if gate.house.level() < version::ACCOUNTS {
        return Outcome::No(
            "some member runs a release that knows of no accounts: upgrade every node first".into(),
        );
    }
    let done = match order {
        Order::Account { tenant, login, name, role } => match found(gate, tenants, tenant) {
            Ok(tenant) => admit(gate, tenant, login, name, role).await,
            Err(why) => return Outcome::No(why),
        },
        Order::Roles { tenant } => match found(gate, tenants, tenant) {
            Ok(tenant) => roles(gate, tenant).await.map(|view| json!({ "view": view })),
            Err(why) => return Outcome::No(why),
        },
        _ => Err(ODD),
    };
    done.map_or_else(|no| Outcome::No(words(&no)), Outcome::Done)
}

/// The tenant of this name, host name or id; the first when none is named.
fn found(gate: &Gate, tenants: &Tenants, named: Option<String>) -> Result<TenantId, String> {
    let Some(named) = named else { return Ok(gate.tenant) };
    let is = |(id, it): &(&TenantId, &TenantInfo)| {
        it.name == named || it.domains.contains(&named) || id.to_string() == named
    };
    let mut fit = tenants.iter().filter(is).map(|(id, _)| *id);
    match (fit.next(), fit.next()) {
        (Some(tenant), None) => Ok(tenant),
        (None, _) if gate.tenant.to_string() == named => Ok(gate.tenant),
        (None, _) => Err(format!("no tenant is called {named}")),
        (Some(_), Some(_)) => Err(format!("several tenants are called {named}: name a host name")),
    }
}

/// Gives an account its role, and whoever is new a name and a password.
async fn admit(
    gate: &Gate,
    tenant: TenantId,
    login: String,
    name: String,
    role: Role,
) -> Result<serde_json::Value, No> {
    let (vault, node) = (Key::Vault(tenant), Caller::node(tenant));
    let query = vault::Query::Enrolled { login: login.clone() };
    let known = match gate.house.query::<Vault>(vault, query).await? {
        vault::Answer::Enrolled(known) => known.map(|it| it.person),
        _ => return Err(ODD),
    };
    let person = known.unwrap_or_else(|| PersonId::new(now(), chance()));
    let admit = accounts::Input::Admit { person, role };
    gate.house.ask::<Accounts>(Key::Accounts(tenant), node, admit).await?;
    if known.is_some() {
        return Ok(json!({ "person": person }));
    }
    let password = new_password();
    let secret = auth::hash(&password).map_err(|_| ODD)?;
    // The accounts know better from now on; what the vault holds must never be more than that.
    let least = if is_critical(role) { Role::Customer } else { role };
    for input in [
        vault::Input::Name { person, role: least, name },
        vault::Input::Enroll { person, login, secret },
    ] {
        gate.house.ask::<Vault>(vault, node, input).await?;
    }
    Ok(json!({ "person": person, "password": password }))
}

/// Who has which role.
async fn roles(gate: &Gate, tenant: TenantId) -> Result<AccountsView, No> {
    // Whoever may read the folder reads what an auditor reads.
    let by = Caller { role: Role::Auditor, ..Caller::node(tenant) };
    let query = accounts::Query::View { by };
    match gate.house.query::<Accounts>(Key::Accounts(tenant), query).await? {
        accounts::Answer::View(view) => view.map_err(|why| No::Refused(Refusal::Accounts { why })),
        _ => Err(ODD),
    }
}

/// A no in words for a terminal.
fn words(no: &No) -> String {
    use AccountsRefusal::{Critical, Founded};
    match no {
        No::Refused(Refusal::Accounts { why: Founded }) => {
            "there are two administrators: from now on they give rights, in the app".into()
        }
        No::Refused(Refusal::Accounts { why: Critical }) => {
            "that right takes two administrators, in the app: one requests it, another approves it"
                .into()
        }
        other => format!("refused: {other:?}"),
    }
}
