//! `konsil account` and `konsil rights`: who is let in from the machine, and who may what.

use clap::{Subcommand, ValueEnum};
use protocol::{
    accounts::AccountsView,
    caller::Role,
    rights::{Act, Cell, Who, csv},
};

use std::path::Path;

use crate::cluster::admin::{Order, OrderFault, order};

/// What can be asked about accounts.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Lets somebody in. Two administrators are let in this way; from then on administrators give
    /// rights, in the app, critical ones in three steps.
    Add {
        /// The sign-in name.
        login: String,
        /// What people call them; kept in the vault alone.
        #[arg(long)]
        name: String,
        /// As what.
        #[arg(long)]
        role: Let,
        /// A tenant's name, host name or id; the first when none is named.
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Who has which role, and how that came about; by id, for names stand in the vault.
    Roles {
        /// A tenant's name, host name or id; the first when none is named.
        #[arg(long)]
        tenant: Option<String>,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
    },
}

/// Roles that are given from the machine.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Let {
    /// While there are fewer than two.
    Administrator,
    /// Hosts consultations.
    Expert,
    /// Asks for consultations.
    Customer,
}

/// Does it, at the node of this data folder, and prints what came of it.
///
/// # Errors
/// In words.
pub async fn account(data: &Path, command: AccountCommand) -> Result<(), OrderFault> {
    match command {
        AccountCommand::Add { login, name, role, tenant } => {
            let role = match role {
                Let::Administrator => Role::Administrator,
                Let::Expert => Role::Expert,
                Let::Customer => Role::Customer,
            };
            let added = order(data, &Order::Account { tenant, login, name, role }).await?;
            println!("{}", added["person"].as_str().unwrap_or_default());
            match added["password"].as_str() {
                Some(password) => println!("password {password}"),
                None => eprintln!("The password is the one they have."),
            }
        }
        AccountCommand::Roles { tenant, json } => {
            let told = order(data, &Order::Roles { tenant }).await?;
            let view: AccountsView = serde_json::from_value(told["view"].clone())?;
            match json {
                true => println!("{}", serde_json::to_string_pretty(&view)?),
                false => print!("{}", roles(&view)),
            }
        }
    }
    Ok(())
}

/// The table of rights, for people or for a spreadsheet.
pub fn rights(as_csv: bool) -> String {
    if as_csv {
        return csv();
    }
    let may = |who: &Who| -> String {
        let acts = Act::ALL.iter().filter(|act| act.cell(*who) == Cell::Allowed);
        let names: Vec<&str> = acts.map(|act| act.name()).collect();
        format!("{}: {}\n", who.name(), names.join(" "))
    };
    Who::ALL.iter().map(may).collect()
}

fn roles(view: &AccountsView) -> String {
    let mut text = String::new();
    for account in &view.accounts {
        let role = |held: &protocol::accounts::Held| match held.until {
            Some(until) => format!("{:?} until {} ms", held.role, until.ms()),
            None => format!("{:?}", held.role),
        };
        let roles: Vec<String> = account.roles.iter().map(role).collect();
        text += &format!("{}  {}\n", account.person, roles.join(", "));
    }
    for open in &view.open {
        let approved = if open.approved.is_some() { "approved" } else { "waits for an approval" };
        text += &format!("{}  {} as {:?}: {approved}\n", open.grant, open.person, open.role);
    }
    for change in &view.history {
        text += &format!("{:>6}  {} ms  {:?}\n", change.seq.0, change.at.ms(), change.event);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s128_everybody_has_a_line_and_an_administrator_no_conversation() {
        let text = rights(false);
        assert_eq!(text.lines().count(), Who::ALL.len());
        let administrator = text.lines().find(|it| it.starts_with("administrator:"));
        let administrator = administrator.expect("a line of theirs");
        assert!(administrator.contains("rights.grant"), "{administrator}");
        assert!(!administrator.contains("conversation."), "S238: {administrator}");
        assert!(rights(true).lines().count() > 60);
    }
}
