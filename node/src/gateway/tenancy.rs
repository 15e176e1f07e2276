//! Whose request it is: the tenant by the host name it was sent to.
//!
//! Tenants stand in the map of the cluster, so every node knows them without asking anybody, and a
//! tenant that is closed is closed everywhere as soon as the map says so.
//!
//! # Invariants
//! - **TN1** A host name that is a tenant's leads to that tenant and to no other; any other host
//!   name leads to the first tenant.
//! - **TN2** A cookie, a link or a ticket of one tenant is worth nothing under a host name of another.
//! - **TN3** A tenant that is closed is answered for in one word, whatever is asked.

use axum::http::{HeaderMap, header};
use protocol::{
    cluster::{Map, TenantInfo},
    frame::Refusal,
    id::TenantId,
    tenant::TenantRefusal,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use tokio::sync::watch;

use super::bodies::Not;

/// The tenants of one map.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Directory {
    infos: BTreeMap<TenantId, TenantInfo>,
    domains: HashMap<String, TenantId>,
}

impl Directory {
    /// Those of this map.
    pub fn of(map: &Map) -> Self {
        let infos = map.tenants.clone();
        let names = infos
            .iter()
            .flat_map(|(&id, it)| it.domains.iter().map(move |name| (name.clone(), id)));
        let domains = names.collect();
        Self { infos, domains }
    }

    /// What is known of a tenant; nothing of one that was never set.
    pub fn info(&self, tenant: TenantId) -> Option<&TenantInfo> {
        self.infos.get(&tenant)
    }

    /// Those that are closed.
    pub fn closed(&self) -> impl Iterator<Item = TenantId> {
        self.infos.iter().filter(|(_, it)| it.closed).map(|(id, _)| *id)
    }

    fn is_closed(&self, tenant: TenantId) -> bool {
        self.infos.get(&tenant).is_some_and(|it| it.closed)
    }
}

/// What a node knows of its tenants.
pub struct Tenancy {
    first: TenantId,
    known: watch::Receiver<Arc<Directory>>,
}

impl Tenancy {
    /// The first tenant, and the others as the map has them.
    pub fn new(first: TenantId, known: watch::Receiver<Arc<Directory>>) -> Self {
        Self { first, known }
    }

    /// Whose request this is.
    ///
    /// # Errors
    /// `TenantClosed` (TN3).
    pub fn of(&self, headers: &HeaderMap) -> Result<TenantId, Not> {
        let tenant = self.named(headers).unwrap_or(self.first); // TN1
        self.open(tenant)?;
        Ok(tenant)
    }

    /// Whether a token of this tenant counts under the host name of this request (TN2).
    pub fn admits(&self, headers: &HeaderMap, tenant: TenantId) -> bool {
        let here = self.named(headers).unwrap_or(self.first);
        here == tenant && self.open(tenant).is_ok()
    }

    /// The same for a ticket: a page that comes from another node goes to that node's own name, which
    /// is no tenant's, and brings its tenant along.
    pub fn admits_arrival(&self, headers: &HeaderMap, tenant: TenantId) -> bool {
        self.named(headers).is_none_or(|here| here == tenant) && self.open(tenant).is_ok()
    }

    /// Whether this tenant is served.
    ///
    /// # Errors
    /// `TenantClosed`.
    pub fn open(&self, tenant: TenantId) -> Result<(), Not> {
        if self.known.borrow().is_closed(tenant) {
            return Err(Not::refused(Refusal::Tenant { why: TenantRefusal::TenantClosed }));
        }
        Ok(())
    }

    /// Whether this request is for a test system, which says so on every page (S135).
    pub fn is_test(&self, headers: &HeaderMap) -> bool {
        let tenant = self.named(headers).unwrap_or(self.first);
        self.known.borrow().infos.get(&tenant).is_some_and(|it| it.test)
    }

    /// Whether an edition or add-on of this tenant is on (S206).
    pub fn has(&self, tenant: TenantId, edition: &str) -> bool {
        let known = self.known.borrow();
        known.infos.get(&tenant).and_then(|it| it.editions.get(edition)).is_some_and(|on| *on)
    }

    /// Follows every change.
    pub fn watch(&self) -> watch::Receiver<Arc<Directory>> {
        self.known.clone()
    }

    fn named(&self, headers: &HeaderMap) -> Option<TenantId> {
        let host = headers.get(header::HOST)?.to_str().ok()?;
        self.known.borrow().domains.get(&bare(host)).copied()
    }
}

/// A host as it is listed: in lower case, without port and last dot.
fn bare(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HOST, name.parse().expect("a host"))])
    }

    #[test]
    fn tn1_a_host_name_leads_to_its_tenant_and_every_other_to_the_first() {
        let (first, bank, shut) =
            (TenantId::from_u128(1), TenantId::from_u128(2), TenantId::from_u128(3));
        let info = |domain: &str, closed| TenantInfo {
            domains: [domain.to_owned()].into(),
            closed,
            test: !closed,
            ..TenantInfo::default()
        };
        let tenants = [(bank, info("bank.example", false)), (shut, info("shut.example", true))];
        let map = Map { tenants: tenants.into(), ..Map::default() };
        let (_to, known) = watch::channel(Arc::new(Directory::of(&map)));
        let tenancy = Tenancy::new(first, known);
        let of = |name: &str| tenancy.of(&host(name)).ok();
        for name in ["bank.example", "BANK.example:8443", "bank.example."] {
            assert_eq!(of(name), Some(bank), "TN1 {name}");
        }
        for name in ["localhost:8443", "xbank.example", "bank.example.evil", "[::1]:1", ":", ""] {
            assert_eq!(of(name), Some(first), "TN1 {name}");
        }
        assert_eq!(of("shut.example"), None, "TN3");
        assert!(!tenancy.admits(&host("bank.example"), first), "TN2");
        assert!(!tenancy.admits(&host("localhost"), bank), "TN2");
        assert!(!tenancy.admits_arrival(&host("bank.example"), first), "TN2");
        assert!(tenancy.admits_arrival(&host("localhost"), bank));
        assert!(!tenancy.admits_arrival(&host("localhost"), shut), "TN3");
        assert!(tenancy.is_test(&host("bank.example")) && !tenancy.is_test(&host("localhost")));
    }
}
