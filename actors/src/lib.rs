//! What the product means: pure machines, and the one shell that runs them.
//!
//! | machine | what it is | who asks it |
//! |---|---|---|
//! | [`tenant`] | cases and guest links | experts |
//! | [`vault`] | who a person is | the node only |
//! | [`session`] | one person on one device | the gateway |
//! | [`room`] | who sits, waits, leads | seats, the door, the tenant |
//! | [`conversation`] | messages in one order | its people, the room |
//! | [`file`](mod@file) | what an upload is and where it lies | the gateway |
//! | [`accounts`] | who has an account, and which roles | administrators, the gateway |
//! | [`audit`] | what was done | the node only |
//!
//! A machine decides and folds ([`protocol::machine`]); [`shell`] keeps and then tells; a
//! [`cast`] wakes and puts to sleep; the [`house`] holds all casts, carries what one actor asks of
//! another, and finds an actor on whatever node it lives, over the [`road`]. No machine imports
//! another: they share the words of [`effect`].

pub mod accounts;
mod answered;
pub mod audit;
pub mod calls;
pub mod cast;
pub mod conversation;
mod durable;
pub mod effect;
pub mod file;
pub mod handle;
pub mod house;
pub mod keeper;
pub mod line;
pub mod media;
pub mod outbox;
pub mod part;
pub mod road;
pub mod room;
pub mod session;
pub mod shell;
pub mod supervisor;
pub mod tenant;
mod text;
#[cfg(test)]
mod trial;
pub mod vault;
mod watchers;
