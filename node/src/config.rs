//! Every knob an operator can turn, with its words and its default.
//!
//! The structs below are made by one macro from one list, so that what `konsil config` prints,
//! what is read, and what is documented cannot differ. Unknown keys are refused by name.

use protocol::limits::FILE_BYTES;
use serde::Deserialize;
use std::{
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::{Path, PathBuf},
};
use storage::twin::Settings;

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFault {
    /// The file cannot be read.
    #[error("{path}: {reason}. Name another file with --config, or leave it out for the defaults.")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// The file is not what `konsil config` prints.
    #[error("{path}: {reason}\n`konsil config` prints every key with its meaning.")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What and where.
        reason: Box<toml::de::Error>,
    },
    /// A value is outside its bounds.
    #[error("{key} is {value}: {remedy}")]
    OutOfBounds {
        /// Which key.
        key: &'static str,
        /// What it is.
        value: String,
        /// What it should be.
        remedy: &'static str,
    },
}

macro_rules! knobs {
    ($($(#[doc = $about:literal])+ $section:ident: $name:ident {
        $($(#[doc = $words:literal])+ $key:ident: $type:ty = $default:expr,)*
    })*) => {
        /// Everything an operator can change.
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Config {
            $($(#[doc = $about])+ pub $section: $name,)*
        }

        $(
            $(#[doc = $about])+
            #[derive(Debug, Clone, Deserialize)]
            #[serde(deny_unknown_fields, default)]
            pub struct $name {
                $($(#[doc = $words])+ pub $key: $type,)*
            }

            impl Default for $name {
                fn default() -> Self {
                    Self { $($key: $default,)* }
                }
            }
        )*

        impl Config {
            /// The whole configuration as a commented file that starts a node.
            pub fn explained(&self) -> String {
                let mut text = String::from(
                    "# Konsil: every knob with its meaning. Lines that say the default may go.\n",
                );
                $(
                    text.push('\n');
                    $(text.push_str(&format!("#{}\n", $about));)+
                    text.push_str(concat!("[", stringify!($section), "]\n"));
                    $(
                        $(text.push_str(&format!("#{}\n", $words));)+
                        explain(&mut text, stringify!($key), &self.$section.$key);
                    )*
                )*
                text
            }
        }
    };
}

knobs! {
    /// Where people and machines connect.
    listen: Listen {
        /// HTTPS and WebSocket. Plain HTTP on this port is answered with a redirect.
        web: SocketAddr = SocketAddr::from(([0, 0, 0, 0], 8443)),
        /// Voice and video: one UDP port for everybody.
        media: SocketAddr = SocketAddr::from(([0, 0, 0, 0], 8443)),
        /// Addresses told to browsers for voice and video. Empty: all of this machine.
        media_addresses: Vec<IpAddr> = Vec::new(),
        /// Health and figures in plain HTTP; keep it away from the internet. Empty: only over HTTPS
        /// from this machine.
        metrics: Option<SocketAddr> = None,
    }
    /// The other nodes. A node without `listen` is alone: its data has one copy.
    cluster: Cluster {
        /// Where other nodes connect: QUIC over UDP, and TLS over TCP on the same port. Every
        /// connection is encrypted, and only admitted nodes are let in.
        listen: Option<SocketAddr> = None,
        /// Where a newcomer knocks; open only while an invitation is. Usually the port after.
        join: Option<SocketAddr> = None,
        /// Addresses told to other nodes. Empty: all of this machine.
        advertise: Vec<IpAddr> = Vec::new(),
        /// Where browsers reach this node, as `https://host:port`. Empty: the first of `tls.names`.
        web: Vec<String> = Vec::new(),
        /// What people call this node. Empty: node- and its number.
        name: String = String::new(),
        /// The country its disks stand in, as two capital letters. Must be said when `listen` is.
        country: String = String::new(),
        /// The building or room; the two copies of everything stand in different ones.
        site: String = String::new(),
        /// Countries in which data may lie, as two capital letters each. Empty: the founder's own.
        /// Read by the node that founds the cluster; later: `konsil cluster set countries`.
        countries: Vec<String> = Vec::new(),
        /// Further addresses (multiaddresses) at which members may be found.
        seeds: Vec<String> = Vec::new(),
        /// Serve other nodes as the place where they find each other.
        rendezvous: bool = false,
        /// Look for members on the local network by multicast. For development.
        mdns: bool = false,
        /// Milliseconds between two signs of life, 20 to 200. Nodes may differ in this and the next.
        beat_ms: u64 = 100,
        /// Milliseconds of silence after which the other copy is given up.
        silence_ms: u64 = 500,
        /// Seconds for which everything is kept with one copy when a node is lost. After that new
        /// cases, links and sign-ins are refused until there are two again; talking goes on. Two
        /// nodes, which have no third to hold a copy, go on with everything.
        one_copy_seconds: u64 = 10,
    }
    /// What is kept, and where.
    storage: Storage {
        /// Where this node keeps its journals and files. Must be on a disk that honours fsync.
        data: PathBuf = PathBuf::from("data"),
        /// The engine behind the write-ahead log: "sled" or "redb". Fixed once data exists.
        engine: EngineName = EngineName::Sled,
        /// Bytes of one segment of the write-ahead log; each is allocated ahead of use.
        segment_bytes: u64 = 64 * 1024 * 1024,
        /// Bytes per second at which copies are read through in search of damage; what is found is
        /// mended from the other copy. 4194304 reads 360 GB in a day and takes some hundredths of
        /// a core. 0: never.
        scrub_bytes_per_second: u64 = 4 * 1024 * 1024,
        /// Seconds from the beginning of one such round to that of the next, at least.
        scrub_every_seconds: u64 = 24 * 3600,
    }
    /// The certificate browsers see.
    tls: Tls {
        /// PEM file with the certificate chain. Empty: a self-signed one is made in the data folder.
        certificate: Option<PathBuf> = None,
        /// PEM file with the private key.
        key: Option<PathBuf> = None,
        /// Names and addresses of the self-signed certificate.
        names: Vec<String> = vec!["localhost".into(), "127.0.0.1".into(), "::1".into()],
    }
    /// Bounds, each protecting this node from somebody.
    limits: Limits {
        /// Connections at a time, waiting handshakes included; each idle one costs about 40 kB.
        connections: usize = 20_000,
        /// Connections at a time from one address (IPv6: one /64 network).
        connections_per_address: usize = 2_000,
        /// Seconds a connection may take for its handshake, and again for its first request.
        handshake_seconds: u64 = 10,
        /// Seconds a connection may take nothing of what is sent to it.
        stall_seconds: u64 = 60,
        /// Sign-ins tried per minute from one address.
        sign_ins_per_minute: u32 = 20,
        /// Guest links opened per minute from one address.
        links_per_minute: u32 = 120,
        /// Commands per second from one socket, over some seconds.
        commands_per_second: u32 = 50,
        /// Bytes of one uploaded file. At most 2147483648.
        file_bytes: u64 = 100 * 1024 * 1024,
        /// Uploads at a time on this node.
        uploads: usize = 32,
        /// Seconds an upload may be silent before it is broken off.
        upload_silence_seconds: u64 = 30,
        /// Actors of each kind that stay awake when nobody uses them; each costs about 8 kB.
        actors_awake: usize = 4_000,
        /// Calls at a time on this node.
        calls: usize = 2_000,
        /// Hours an expert stays signed in.
        sign_in_hours: u64 = 12,
        /// Hours a guest's browser stays known.
        guest_hours: u64 = 48,
    }
}

/// The engines that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// The default.
    Sled,
    /// Less space under overwriting, slower for many small commits.
    Redb,
}

impl Config {
    /// Reads a file, or gives the defaults when none is named.
    ///
    /// # Errors
    /// With the file, the line and the remedy.
    pub fn read(path: Option<&Path>) -> Result<Self, ConfigFault> {
        let config = match path {
            None => Self::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|reason| ConfigFault::Unreadable { path: path.into(), reason })?;
                toml::from_str(&text).map_err(|reason| ConfigFault::Malformed {
                    path: path.into(),
                    reason: Box::new(reason),
                })?
            }
        };
        config.checked()
    }

    /// The configuration, when every value is within its bounds.
    ///
    /// # Errors
    /// Names the first key that is not.
    pub fn checked(self) -> Result<Self, ConfigFault> {
        let limits = &self.limits;
        let no = |key, value: u64, remedy| {
            Err(ConfigFault::OutOfBounds { key, value: value.to_string(), remedy })
        };
        for (key, value, bounds, remedy) in limits.bounds() {
            if !bounds.contains(&value) {
                return no(key, value, remedy);
            }
        }
        if !(1 << 20..=1 << 30).contains(&self.storage.segment_bytes) {
            let bytes = self.storage.segment_bytes;
            return no("storage.segment_bytes", bytes, "choose 1048576 to 1073741824");
        }
        self.storage.check()?;
        self.cluster.check()?;
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            return no("tls.certificate and tls.key", 1, "name both files or neither");
        }
        Ok(self)
    }
}

impl Storage {
    fn check(&self) -> Result<(), ConfigFault> {
        let no = |key, value: u64, remedy| {
            Err(ConfigFault::OutOfBounds { key, value: value.to_string(), remedy })
        };
        if !(0..=1 << 34).contains(&self.scrub_bytes_per_second) {
            let remedy = "choose 0 to 17179869184";
            return no("storage.scrub_bytes_per_second", self.scrub_bytes_per_second, remedy);
        }
        if !(1..=366 * 24 * 3600).contains(&self.scrub_every_seconds) {
            let remedy = "choose 1 to 31622400";
            return no("storage.scrub_every_seconds", self.scrub_every_seconds, remedy);
        }
        Ok(())
    }
}

impl Cluster {
    fn check(&self) -> Result<(), ConfigFault> {
        let no = |key, value: String, remedy| Err(ConfigFault::OutOfBounds { key, value, remedy });
        if !Settings::BEAT.contains(&self.beat_ms) {
            return no("cluster.beat_ms", self.beat_ms.to_string(), "choose 20 to 200");
        }
        if !(Settings::PATIENCE * self.beat_ms..=Settings::SILENCE).contains(&self.silence_ms) {
            let remedy = "choose four beats at least, 60000 at most";
            return no("cluster.silence_ms", self.silence_ms.to_string(), remedy);
        }
        if !(1..=86_400).contains(&self.one_copy_seconds) {
            let value = self.one_copy_seconds.to_string();
            return no("cluster.one_copy_seconds", value, "choose 1 to 86400");
        }
        if self.listen.is_some() && self.country.is_empty() {
            let remedy = "say in which country the disks of this node stand, as two capital \
                          letters as in ISO 3166: whether data may lie there depends on it";
            return no("cluster.country", "empty".into(), remedy);
        }
        let own = Some(&self.country).filter(|it| !it.is_empty());
        let country = |it: &&String| it.len() != 2 || !it.bytes().all(|l| l.is_ascii_uppercase());
        if let Some(bad) = self.countries.iter().chain(own).find(country) {
            let remedy = "use two capital letters as in ISO 3166, for example DE";
            return no("cluster.country", bad.clone(), remedy);
        }
        Ok(())
    }
}

/// A knob, its value, what it may be, and that in words.
type Bound = (&'static str, u64, RangeInclusive<u64>, &'static str);

impl Limits {
    /// Beyond these a node would serve nobody, or count past what its machine can.
    fn bounds(&self) -> [Bound; 14] {
        let (some, life) = ("choose 1 to 1000000", "choose 1 to 8760");
        let million = || 1..=1_000_000;
        [
            ("limits.connections", self.connections as u64, million(), some),
            (
                "limits.connections_per_address",
                self.connections_per_address as u64,
                million(),
                some,
            ),
            ("limits.handshake_seconds", self.handshake_seconds, 1..=60, "choose 1 to 60"),
            ("limits.stall_seconds", self.stall_seconds, 1..=600, "choose 1 to 600"),
            ("limits.sign_ins_per_minute", self.sign_ins_per_minute.into(), million(), some),
            ("limits.links_per_minute", self.links_per_minute.into(), million(), some),
            ("limits.commands_per_second", self.commands_per_second.into(), million(), some),
            ("limits.file_bytes", self.file_bytes, 1..=FILE_BYTES, "choose 1 to 2147483648"),
            ("limits.uploads", self.uploads as u64, million(), some),
            (
                "limits.upload_silence_seconds",
                self.upload_silence_seconds,
                1..=600,
                "choose 1 to 600",
            ),
            ("limits.actors_awake", self.actors_awake as u64, million(), some),
            ("limits.calls", self.calls as u64, 0..=1_000_000, "choose 0 to 1000000"),
            ("limits.sign_in_hours", self.sign_in_hours, 1..=8760, life),
            ("limits.guest_hours", self.guest_hours, 1..=8760, life),
        ]
    }
}

/// A value as TOML writes it.
trait Toml {
    fn toml(&self) -> Option<String>;
}

fn explain(text: &mut String, key: &str, value: &dyn Toml) {
    // Writing to a string cannot fail.
    let _ = match value.toml() {
        Some(value) => writeln!(text, "{key} = {value}"),
        None => writeln!(text, "# {key} = \"\""),
    };
}

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Toml for $type {
            fn toml(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}
plain!(u64, u32, usize, bool);

macro_rules! quoted {
    ($($type:ty => $shown:expr),*) => {$(
        impl Toml for $type {
            fn toml(&self) -> Option<String> {
                let shown: fn(&$type) -> String = $shown;
                Some(toml::Value::String(shown(self)).to_string())
            }
        }
    )*};
}
quoted!(
    String => |it| it.clone(),
    PathBuf => |it| it.display().to_string(),
    SocketAddr => |it| it.to_string(),
    IpAddr => |it| it.to_string(),
    EngineName => |it| format!("{it:?}").to_lowercase()
);

impl<T: Toml> Toml for Option<T> {
    fn toml(&self) -> Option<String> {
        self.as_ref().and_then(Toml::toml)
    }
}

impl<T: Toml> Toml for Vec<T> {
    fn toml(&self) -> Option<String> {
        let all: Vec<_> = self.iter().filter_map(Toml::toml).collect();
        Some(format!("[{}]", all.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_can_be_read_and_says_the_same() {
        let printed = Config::default().explained();
        let read: Config = toml::from_str(&printed).expect("the printed file is valid");
        assert_eq!(read.explained(), printed);
        assert!(printed.contains("# Voice and video: one UDP port for everybody."));
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = toml::from_str::<Config>("[limits]\nconections = 3\n").expect_err("refused");
        assert!(error.to_string().contains("conections"), "{error}");
    }

    #[test]
    fn every_allowed_beat_and_silence_makes_sound_twins_and_the_next_one_is_refused_in_words() {
        let checked = |beat_ms, silence_ms| {
            let cluster = Cluster { beat_ms, silence_ms, ..Cluster::default() };
            cluster.check().map(|()| Settings::of(beat_ms, silence_ms).check())
        };
        for beat in Settings::BEAT {
            let least = Settings::PATIENCE * beat;
            for silence in (least..Settings::SILENCE).step_by(97).chain([Settings::SILENCE]) {
                assert!(checked(beat, silence).is_ok(), "{beat} and {silence}");
            }
            for silence in [0, least - 1, Settings::SILENCE + 1, u64::MAX] {
                let said = checked(beat, silence).expect_err("refused").to_string();
                assert!(said.contains("cluster.silence_ms") && said.contains("choose"), "{said}");
            }
        }
        for beat in [0, 19, 201, u64::MAX] {
            let said = checked(beat, 500).expect_err("refused").to_string();
            assert!(said.contains("cluster.beat_ms") && said.contains("20 to 200"), "{said}");
        }
    }

    #[test]
    fn s69_a_node_of_a_cluster_says_where_it_stands() {
        let read = |text: &str| {
            let config: Config = toml::from_str(text).expect("it is TOML");
            config.checked().map(|_| ()).map_err(|no| no.to_string())
        };
        assert_eq!(read(""), Ok(()), "a node alone places nothing");
        let said = read("[cluster]\nlisten = \"127.0.0.1:7400\"\n").expect_err("refused");
        assert!(said.contains("cluster.country is empty: say in which country"), "{said}");
        let two = "[cluster]\nlisten = \"127.0.0.1:7400\"\ncountry = \"DE\"\n";
        assert_eq!(read(two), Ok(()));
        for bad in ["country = \"de\"", "country = \"DEU\"", "countries = [\"D\"]"] {
            let said = read(&format!("[cluster]\n{bad}\n")).expect_err("refused");
            assert!(said.contains("two capital letters"), "{said}");
        }
    }

    #[test]
    fn a_value_out_of_bounds_names_its_key_and_the_remedy() {
        let mut config = Config::default();
        config.limits.file_bytes = 0;
        let said = config.checked().expect_err("refused").to_string();
        assert!(said.contains("limits.file_bytes") && said.contains("choose"), "{said}");
    }
}
