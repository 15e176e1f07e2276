//! What an operator chooses for the whole cluster.

use protocol::{
    cluster::{ChangeRefusal as No, Chosen, Map, Purpose, Setting},
    time::Time,
};

use super::{CHOSEN_MAX, COUNTRIES_MAX, TEXT_MAX};

pub(super) fn set(map: &mut Map, setting: &Setting, by: &str, at: Time) -> Result<(), No> {
    let Setting::Countries { allowed } = setting;
    if by.len() > TEXT_MAX || allowed.len() > COUNTRIES_MAX {
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
    let chosen = &mut map.settings.chosen;
    chosen.push(Chosen { setting: setting.clone(), by: by.to_owned(), at });
    let forgotten = chosen.len().saturating_sub(CHOSEN_MAX);
    chosen.drain(..forgotten);
    Ok(())
}
