//! Addresses of people, and when they are gone (S70).
//!
//! A record in an audit log can never be changed, and after 30 days nothing may lead from it to an
//! address. So it holds SHA-256 over a salt and the address, and salt and address lie apart, in a
//! file for each day on the node that saw them:
//!
//! ```text
//! addresses/2026-11-28      commitment salt address, a line each
//! ```
//!
//! Without its salt of 32 random bytes a commitment cannot be tried out, not even over all the
//! addresses there are. The files are in no backup and on no other node.
//!
//! # Invariants
//! - **AD1** An address is gone before it is 30 days old: its day's file is deleted when the 29th
//!   day after it begins, by a job that runs every [`ROUND`] and once before the node serves.
//! - **AD2** No two records have the same salt: that somebody came from the same address twice is
//!   seen in the day files alone.

use parking_lot::Mutex;
use protocol::{
    audit::Commitment,
    time::{Span, Time},
};
use std::{
    fs, io,
    io::Write,
    net::IpAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};
use storage::digest::{hex, sha256, unhex};

use crate::secrets::chance;

/// How often it is looked for what must go.
pub const ROUND: Duration = Duration::from_secs(600);
/// Days a file is kept: today and these many less one before.
const DAYS: u64 = 29;
const DAY: Span = Span::from_secs(24 * 3600);
/// Files looked at in one round, at most: more than ever lie there.
const FILES: usize = 10_000;

/// The day files of a node.
pub struct Addresses {
    folder: PathBuf,
    open: Mutex<Option<(u64, fs::File)>>,
}

impl Addresses {
    /// The day files in this data folder.
    ///
    /// # Errors
    /// When their folder cannot be made.
    pub fn open(data: &Path) -> io::Result<Self> {
        let folder = data.join("addresses");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self { folder, open: Mutex::default() })
    }

    /// Keeps an address, and says what a record holds instead of it. Blocks on the disk.
    ///
    /// # Errors
    /// What the disk says; then nothing was kept.
    pub fn remember(&self, now: Time, address: IpAddr) -> io::Result<Commitment> {
        let (salt, address) = (chance::<32>(), address.to_canonical().to_string()); // AD2
        let commitment = commit(&salt, &address);
        let line = format!("{} {} {address}\n", hex(&commitment), hex(&salt));
        let day = day_of(now);
        let mut open = self.open.lock();
        if open.as_ref().is_none_or(|(kept, _)| *kept != day) {
            let mut options = fs::OpenOptions::new();
            let options = options.create(true).append(true).mode(0o600);
            *open = Some((day, options.open(self.folder.join(name_of(day)))?));
        }
        if let Some((_, file)) = open.as_mut() {
            file.write_all(line.as_bytes())?;
        }
        Ok(commitment)
    }

    /// Deletes what is too old (AD1), and says how many files that were. Blocks on the disk.
    ///
    /// # Errors
    /// What the disk says; the next round tries again.
    pub fn forget(&self, now: Time) -> io::Result<usize> {
        let mut gone = 0;
        for entry in fs::read_dir(&self.folder)?.take(FILES) {
            let entry = entry?;
            let name = entry.file_name();
            let day = name.to_str().and_then(day_named);
            if day.is_some_and(|day| day + DAYS <= day_of(now)) {
                fs::remove_file(entry.path())?;
                gone += 1;
            }
        }
        if gone > 0 {
            // Nor may a file that is still open bring it back.
            self.open.lock().take_if(|(day, _)| *day + DAYS <= day_of(now));
            fs::File::open(&self.folder)?.sync_all()?;
        }
        Ok(gone)
    }

    /// The address behind a commitment, as long as it is there. Reads every day.
    ///
    /// # Errors
    /// What the disk says.
    pub fn find(&self, commitment: &Commitment) -> io::Result<Option<IpAddr>> {
        let wanted = hex(commitment);
        for entry in fs::read_dir(&self.folder)?.take(FILES) {
            let text = fs::read_to_string(entry?.path())?;
            let line = text.lines().find(|line| line.starts_with(&wanted));
            let mut words = line.into_iter().flat_map(str::split_whitespace).skip(1);
            if let (Some(salt), Some(address)) = (words.next().and_then(unhex), words.next()) {
                let right = commit(&salt, address) == *commitment;
                return Ok(right.then(|| address.parse().ok()).flatten());
            }
        }
        Ok(None)
    }
}

fn commit(salt: &[u8; 32], address: &str) -> Commitment {
    sha256(&[&salt[..], address.as_bytes()].concat())
}

/// Days since 1970.
const fn day_of(now: Time) -> u64 {
    now.ms() / DAY.ms()
}

/// A day as its file is called.
fn name_of(day: u64) -> String {
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The day of a file's name; none for what is no day file.
fn day_named(name: &str) -> Option<u64> {
    let mut parts = name.splitn(3, '-').map(str::parse::<u64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let plausible = (1970..10_000).contains(&year) && (1..=12).contains(&month) && day <= 31;
    // Counted from the first of March, leap days come last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day;
    let found = days.checked_sub(719_469)?;
    (plausible && name_of(found) == name).then_some(found)
}

/// The date of a day since 1970 (Gregorian).
fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let name = format!("konsil-addresses-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder for the test");
        folder
    }

    #[test]
    fn days_have_names_and_come_back() {
        assert_eq!(name_of(0), "1970-01-01");
        assert_eq!(name_of(20_785), "2026-11-28");
        for day in 0..60_000 {
            assert_eq!(day_named(&name_of(day)), Some(day), "{}", name_of(day));
        }
        for bad in ["", "x", "2026-13-01", "2026-02-30", "2026-1-1", "1969-12-31", "2026-11-28.x"] {
            assert_eq!(day_named(bad), None, "{bad}");
        }
    }

    #[test]
    fn ad1_an_address_is_gone_before_it_is_thirty_days_old() {
        let data = folder("gone");
        let addresses = Addresses::open(&data).expect("opened");
        let late = Time::from_ms(20_785 * DAY.ms() + DAY.ms() - 1);
        let early = Time::from_ms(20_785 * DAY.ms());
        let here: IpAddr = "2001:db8::7".parse().expect("an address");
        let commitments = [early, late].map(|it| addresses.remember(it, here).expect("kept"));
        let hours = |from: Time, hours: u64| from.after(Span::from_secs(hours * 3600));
        let round = Span::from_ms(ROUND.as_millis() as u64);
        for hour in 0..29 * 24 {
            assert_eq!(addresses.forget(hours(early, hour)).expect("looked"), 0, "{hour}");
        }
        assert_eq!(addresses.find(&commitments[1]).expect("looked"), Some(here));
        let gone_by = hours(early, 29 * 24).after(round);
        assert!(gone_by.since(early) < Span::from_secs(30 * 24 * 3600), "AD1");
        assert_eq!(addresses.forget(gone_by).expect("looked"), 1, "AD1");
        assert_eq!(fs::read_dir(data.join("addresses")).expect("listed").count(), 0, "AD1");
        for commitment in &commitments {
            assert_eq!(addresses.find(commitment).expect("looked"), None, "AD1");
        }
        // And it does not come back by the file that was open.
        addresses.remember(gone_by, here).expect("kept");
        assert_eq!(fs::read_dir(data.join("addresses")).expect("listed").count(), 1);
        fs::remove_dir_all(&data).expect("removed");
    }

    #[test]
    fn ad2_the_same_address_looks_different_each_time_and_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let data = folder("salt");
        let addresses = Addresses::open(&data).expect("opened");
        let (now, here) = (Time::from_ms(DAY.ms()), IpAddr::from([192, 0, 2, 1]));
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().expect("an address");
        let one = addresses.remember(now, here).expect("kept");
        let other = addresses.remember(now, mapped).expect("kept");
        assert_ne!(one, other, "AD2");
        assert_eq!(addresses.find(&other).expect("looked"), Some(here));
        assert_eq!(addresses.find(&[0; 32]).expect("looked"), None);
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&data.join("addresses")), 0o700);
        assert_eq!(mode(&data.join("addresses/1970-01-02")), 0o600);
        fs::remove_dir_all(&data).expect("removed");
    }
}
