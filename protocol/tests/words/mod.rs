//! Every word, made from bytes of chance: what the vectors, the round trips and the hostile bytes
//! are built from.
//!
//! [`Made`] is implemented by a list of variants and fields (see `each.rs`). The list is a match
//! without a wildcard and literals without `..`, so a new variant or field does not compile until
//! it stands there, and then has no vector until one is written.
#![allow(dead_code)] // included by several test binaries, each of which needs a part

pub(crate) mod attack;
mod chance;
mod each;
mod fields;
pub(crate) mod meter;
mod mutation;
mod nodes;

pub(crate) use chance::{Chance, seed_of};
pub(crate) use each::every;

use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// A field: any value of it.
pub(crate) trait Any: Sized {
    /// A value that depends on nothing but the chance handed in.
    fn any(from: &mut Chance<'_>) -> Self;
}

/// A word: an enum by its variants, or a struct as its own only variant.
pub(crate) trait Made: Any + Serialize + DeserializeOwned + PartialEq + Debug {
    /// Every variant, in the order of its index.
    const NAMES: &'static [&'static str];

    /// A value of this variant.
    fn made(variant: usize, from: &mut Chance<'_>) -> Self;

    /// The variant of this value.
    fn name(&self) -> &'static str;
}

/// Something to be done once for each word there is.
pub(crate) trait Visitor {
    /// `file` is the word's place under `vectors/`; `MAX` the bound its decoder is given.
    fn visit<T: Made, const MAX: usize>(&mut self, file: &'static str);
}

/// Lists the variants and fields of enums; a field without a name is its number.
macro_rules! made_enums {
    ($($word:path { $($variant:ident { $($field:tt),* })* })*) => {$(
        impl Any for $word {
            fn any(from: &mut Chance<'_>) -> Self {
                let variant = from.below(<Self as Made>::NAMES.len());
                Self::made(variant, from)
            }
        }

        impl Made for $word {
            const NAMES: &'static [&'static str] = &[$(stringify!($variant)),*];

            #[allow(unused_variables)] // a variant without fields takes no chance
            fn made(variant: usize, from: &mut Chance<'_>) -> Self {
                match Self::NAMES[variant] {
                    $(stringify!($variant) => Self::$variant { $($field: Any::any(from)),* },)*
                    unknown => unreachable!("{unknown} is not in NAMES"),
                }
            }

            fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => stringify!($variant),)*
                }
            }
        }
    )*};
}

/// Lists the fields of structs.
macro_rules! made_structs {
    ($($word:path { $($field:ident),* })*) => {$(
        impl Any for $word {
            fn any(from: &mut Chance<'_>) -> Self {
                Self::made(0, from)
            }
        }

        impl Made for $word {
            const NAMES: &'static [&'static str] = &[stringify!($word)];

            fn made(_variant: usize, from: &mut Chance<'_>) -> Self {
                Self { $($field: Any::any(from)),* }
            }

            fn name(&self) -> &'static str {
                stringify!($word)
            }
        }
    )*};
}

pub(crate) use {made_enums, made_structs};
