//! `konsil tenant`: which tenants there are, and under which host names.

use clap::Subcommand;
use protocol::{
    cluster::{Setting, TenantInfo},
    id::TenantId,
};
use std::{collections::BTreeMap, path::Path};

use super::user;
use crate::{
    clock::now,
    cluster::admin::{Order, OrderFault, order},
    secrets::chance,
};

/// What can be asked about tenants.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// A new tenant, reached under its own host names.
    Create {
        /// What people call it.
        name: String,
        /// A host name it is reached under; may be given several times.
        #[arg(long, required = true)]
        domain: Vec<String>,
        /// A test system beside a live one: every page says so.
        #[arg(long)]
        test: bool,
    },
    /// All tenants.
    List,
    /// Serves a tenant no longer; nothing is erased.
    Close {
        /// Its name, a host name of it, or its id.
        tenant: String,
        /// Serve it after all.
        #[arg(long)]
        undo: bool,
    },
    /// Switches an edition or add-on of a tenant on or off.
    Edition {
        /// Its name, a host name of it, or its id.
        tenant: String,
        /// Which: letters, digits, hyphens.
        edition: String,
        /// Off rather than on.
        #[arg(long)]
        off: bool,
    },
}

/// Does it, at the node of this data folder, and prints what came of it.
///
/// # Errors
/// In words.
pub async fn tenant(data: &Path, command: TenantCommand) -> Result<(), OrderFault> {
    let listed = order(data, &Order::Tenants {}).await?;
    let first: TenantId = serde_json::from_value(listed["first"].clone())?;
    let all: Tenants = serde_json::from_value(listed["tenants"].clone())?;
    match command {
        TenantCommand::List => print!("{}", table(first, &all)),
        TenantCommand::Create { name, domain, test } => {
            let domains = domain.into_iter().map(|it| it.to_ascii_lowercase()).collect();
            let info = TenantInfo { name, domains, test, ..TenantInfo::default() };
            let tenant = TenantId::new(now(), chance());
            set(data, tenant, info).await?;
            println!("{tenant}");
            eprintln!("Its certificate must name its host names. Let its first administrators in:");
            eprintln!(
                "  konsil account add LOGIN --name NAME --role administrator --tenant {tenant}"
            );
        }
        TenantCommand::Close { tenant, undo } => {
            let (id, info) = named(&all, &tenant)?;
            set(data, id, TenantInfo { closed: !undo, ..info }).await?;
            println!("{tenant} is {}.", if undo { "served again" } else { "served no longer" });
        }
        TenantCommand::Edition { tenant, edition, off } => {
            let (id, mut info) = named(&all, &tenant)?;
            info.editions.insert(edition.clone(), !off);
            set(data, id, info).await?;
            println!("{edition} is {} for {tenant}.", if off { "off" } else { "on" });
        }
    }
    Ok(())
}

type Tenants = BTreeMap<TenantId, TenantInfo>;

async fn set(data: &Path, tenant: TenantId, info: TenantInfo) -> Result<(), OrderFault> {
    let setting = Setting::Tenant { tenant, info };
    order(data, &Order::Set { setting, by: user() }).await.map(drop)
}

fn named(all: &Tenants, text: &str) -> Result<(TenantId, TenantInfo), OrderFault> {
    let is = |(id, it): &(&TenantId, &TenantInfo)| {
        it.name == text || it.domains.contains(text) || id.to_string() == text
    };
    let fit: Vec<_> = all.iter().filter(is).collect();
    match fit[..] {
        [(id, info)] => Ok((*id, info.clone())),
        [] => {
            let why = format!("no tenant is called {text}; `konsil tenant list` names them");
            Err(OrderFault::No(why))
        }
        _ => Err(OrderFault::No(format!("several tenants are called {text}: name a host name"))),
    }
}

fn table(first: TenantId, all: &Tenants) -> String {
    let mut text = String::new();
    if !all.contains_key(&first) {
        text += &format!("{first}  the first tenant: every host name that is no other's\n");
    }
    for (id, it) in all {
        let mut marks = Vec::new();
        marks.extend(it.test.then(|| "test system".to_owned()));
        marks.extend(it.closed.then(|| "closed".to_owned()));
        let on = it.editions.iter().filter(|(_, on)| **on).map(|(name, _)| name.clone());
        marks.extend(on.map(|name| format!("+{name}")));
        let domains: Vec<&str> = it.domains.iter().map(String::as_str).collect();
        text += &format!("{id}  {}  {}  {}\n", it.name, domains.join(","), marks.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_found_by_name_host_name_or_id_and_never_guessed() {
        let info = |name: &str, domain: &str| TenantInfo {
            name: name.into(),
            domains: [domain.to_owned()].into(),
            editions: [("calendar".to_owned(), true), ("omni".to_owned(), false)].into(),
            ..TenantInfo::default()
        };
        let (a, b) = (TenantId::from_u128(1), TenantId::from_u128(2));
        let all = Tenants::from([(a, info("Bank", "a.example")), (b, info("Bank", "b.example"))]);
        assert!(named(&all, "Bank").is_err(), "two are called so");
        assert_eq!(named(&all, "b.example").expect("one").0, b);
        assert_eq!(named(&all, &a.to_string()).expect("one").0, a);
        assert!(named(&all, "c.example").is_err());
        let text = table(TenantId::from_u128(3), &all);
        assert_eq!(text.lines().count(), 3);
        assert!(text.contains("+calendar") && !text.contains("+omni"), "{text}");
    }
}
