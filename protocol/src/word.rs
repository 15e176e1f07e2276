//! `word!`: one enum, two encodings.
//!
//! Browsers want `{"kind": "joined", …}`, which reads well in TypeScript; the disk and the other
//! node want compact bincode, which cannot carry serde's internal tag. The macro derives both
//! shapes from one list of variants and picks by `is_human_readable`, so the two cannot drift.
//!
//! Variants are append-only: bincode knows them by their index.

/// Declares an enum that is `{"kind": …}` in JSON and a plain variant index in bincode.
macro_rules! word {
    ($(#[$meta:meta])* pub enum $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, ts_rs::TS)]
        #[allow(missing_docs)] // a variant is documented; its fields are named by their types
        #[ts(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
        pub enum $name { $($body)* }

        const _: () = {
            type Word = $name;

            #[derive(serde::Serialize, serde::Deserialize)]
            #[serde(
                remote = "Word",
                tag = "kind",
                rename_all = "camelCase",
                rename_all_fields = "camelCase",
                deny_unknown_fields
            )]
            #[allow(dead_code)]
            enum Tagged { $($body)* }

            #[derive(serde::Serialize, serde::Deserialize)]
            #[serde(remote = "Word")]
            #[allow(dead_code)]
            enum Plain { $($body)* }

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                    if to.is_human_readable() {
                        Tagged::serialize(self, to)
                    } else {
                        Plain::serialize(self, to)
                    }
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                    if from.is_human_readable() {
                        Tagged::deserialize(from)
                    } else {
                        Plain::deserialize(from)
                    }
                }
            }
        };
    };
}

/// Declares a struct that travels: camelCase in JSON, its fields in order in bincode.
macro_rules! shape {
    ($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, ts_rs::TS)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        #[ts(rename_all = "camelCase")]
        pub struct $name { $($body)* }
    };
}

/// Declares an enum of bare names: a camelCase string in JSON, a variant index in bincode.
macro_rules! names {
    ($(#[$meta:meta])* pub enum $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, ts_rs::TS,
        )]
        #[serde(rename_all = "camelCase")]
        #[ts(rename_all = "camelCase")]
        pub enum $name { $($body)* }
    };
}
