//! What an operator chooses for the whole cluster.

use protocol::{
    cluster::{ChangeRefusal as No, Chosen, Map, Purpose, Setting, TenantInfo},
    id::TenantId,
    time::Time,
};
use std::collections::BTreeSet;

use super::{CHOSEN_MAX, COUNTRIES_MAX, DOMAINS_MAX, EDITIONS_MAX, TENANTS_MAX, TEXT_MAX};

pub(super) fn set(map: &mut Map, setting: &Setting, by: &str, at: Time) -> Result<(), No> {
    if by.len() > TEXT_MAX {
        return Err(No::TooMuch);
    }
    match setting {
        Setting::Countries { allowed } => countries(map, allowed)?,
        Setting::Tenant { tenant, info } => tenants(map, *tenant, info)?,
    }
    let chosen = &mut map.settings.chosen;
    chosen.push(Chosen { setting: setting.clone(), by: by.to_owned(), at });
    let forgotten = chosen.len().saturating_sub(CHOSEN_MAX);
    chosen.drain(..forgotten);
    Ok(())
}

fn countries(map: &mut Map, allowed: &BTreeSet<String>) -> Result<(), No> {
    if allowed.len() > COUNTRIES_MAX {
        return Err(No::TooMuch);
    }
    let country =
        |it: &String| it.len() == 2 && it.bytes().all(|letter| letter.is_ascii_uppercase());
    // What is there must have somewhere to lie.
    let somewhere = map.members.values().any(|it| {
        it.purpose == Purpose::Data && !it.draining && allowed.contains(&it.labels.country)
    });
    if !allowed.iter().all(country) || !somewhere {
        return Err(No::Setting);
    }
    map.settings.countries.clone_from(allowed);
    Ok(())
}

fn tenants(map: &mut Map, tenant: TenantId, info: &TenantInfo) -> Result<(), No> {
    let TenantInfo { name, domains, editions, .. } = info;
    let new = !map.tenants.contains_key(&tenant);
    if new && map.tenants.len() >= TENANTS_MAX
        || name.len() > TEXT_MAX
        || domains.len() > DOMAINS_MAX
        || editions.len() > EDITIONS_MAX
    {
        return Err(No::TooMuch);
    }
    let others = map.tenants.iter().filter(|(other, _)| **other != tenant);
    let taken: BTreeSet<&String> = others.flat_map(|(_, it)| &it.domains).collect();
    let free = domains.iter().all(|domain| is_host(domain) && !taken.contains(domain)); // M10
    if name.trim().is_empty() || !free || !editions.keys().all(|it| is_word(it)) {
        return Err(No::Setting);
    }
    map.tenants.insert(tenant, info.clone());
    Ok(())
}

/// A host name in lower case, without a port (RFC 1123, 2.1).
fn is_host(text: &str) -> bool {
    let label = |it: &str| {
        let inside = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        (1..=63).contains(&it.len())
            && it.bytes().all(|letter| inside(letter) || letter == b'-')
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// A name for an edition: letters, digits, hyphens.
fn is_word(text: &str) -> bool {
    let inside = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-';
    (1..=40).contains(&text.len()) && text.bytes().all(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(domains: &[&str]) -> TenantInfo {
        let domains = domains.iter().map(ToString::to_string).collect();
        TenantInfo { name: "Bank".into(), domains, ..TenantInfo::default() }
    }

    #[test]
    fn m10_a_host_name_belongs_to_one_tenant() {
        let (a, b) = (TenantId::from_u128(1), TenantId::from_u128(2));
        let mut map = Map::default();
        let mut make = |tenant, info| tenants(&mut map, tenant, &info);
        assert_eq!(make(a, info(&["bank.example", "www.bank.example"])), Ok(()));
        assert_eq!(make(b, info(&["bank.example"])), Err(No::Setting), "M10");
        assert_eq!(make(a, TenantInfo { closed: true, ..info(&["bank.example"]) }), Ok(()));
        assert_eq!(make(b, info(&["bank.example"])), Err(No::Setting), "M10: closed is not free");
        assert_eq!(make(b, info(&["www.bank.example"])), Ok(()), "given up by its tenant");
        for bad in ["", "Bank.example", "bank.example:443", "-a.example", "a..b", "b ank", "ü.de"]
        {
            assert_eq!(make(b, info(&[bad])), Err(No::Setting), "{bad}");
        }
        assert_eq!(make(b, TenantInfo { name: " ".into(), ..info(&[]) }), Err(No::Setting));
        let many: Vec<String> = (0..=DOMAINS_MAX).map(|it| format!("d{it}.example")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(make(b, info(&many)), Err(No::TooMuch));
    }

    #[test]
    fn there_are_not_more_tenants_than_there_may_be() {
        let mut map = Map::default();
        for number in 0..TENANTS_MAX as u128 {
            assert_eq!(tenants(&mut map, TenantId::from_u128(number), &info(&[])), Ok(()));
        }
        let more = TenantId::from_u128(u128::MAX);
        assert_eq!(tenants(&mut map, more, &info(&[])), Err(No::TooMuch));
        assert_eq!(tenants(&mut map, TenantId::from_u128(0), &info(&["a.example"])), Ok(()));
    }
}
