//! `konsil dev`: a node on this machine with a demo tenant, and how to get in.
//!
//! The demo's people, password and case are made on the first start and lie in the data folder,
//! so that a second start finds yesterday's consultation.

use actors::{
    handle::ODD,
    tenant::{self, Tenant},
    vault::{self, Vault},
};
use protocol::{
    caller::{Caller, Role},
    id::{CaseId, LinkId, PersonId, SessionId},
    key::Key,
    tenant::TenantCommand,
};
use serde::{Deserialize, Serialize};
use std::{fs, io, path::Path};

use crate::{
    gateway::{Gate, auth},
    secrets::{chance, write_private},
};

pub mod nodes;

/// The experts of the demo: two, so that the lead can be handed over.
const EXPERTS: [(&str, &str); 2] =
    [("yildiz@demo.example", "Leyla Yıldız"), ("oeztuerk@demo.example", "Deniz Öztürk")];
/// The first consultation.
const TITLE: &str = "Baufinanzierung Familie Groß";

/// What gets one in. Written to `demo.json` in the data folder, readable by the node's user only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Demo {
    /// The site.
    pub url: String,
    /// The first expert's sign-in name; the others share the password.
    pub login: String,
    /// The password.
    pub password: String,
    /// The demo case.
    pub case: CaseId,
    /// A guest link to it.
    pub guest: String,
}

/// Makes the demo tenant, or finds it, and says how to get in.
///
/// # Errors
/// When the data folder or an actor says no.
pub async fn prepare(gate: &Gate, url: &str, data: &Path) -> io::Result<Demo> {
    let path = data.join("demo.json");
    let before = read(&path)?;
    let url = url.to_owned();
    let password = before.as_ref().map_or_else(new_password, |demo| demo.password.clone());
    let lead = people(gate, &password, before.is_none()).await?;
    let (case, guest) = first_case(gate, lead).await?;
    let guest = format!("{url}{guest}");
    let demo = Demo { url, login: EXPERTS[0].0.into(), password, case, guest };
    if before.is_some() {
        fs::remove_file(&path)?;
    }
    write_private(&path, serde_json::to_string_pretty(&demo)?.as_bytes())?;
    Ok(demo)
}

/// The frame a newcomer reads.
pub fn frame(demo: &Demo, data: &Path) -> String {
    let lines = [
        String::from("Konsil is running."),
        String::new(),
        format!("Open          {}", demo.url),
        format!("Expert        {}   password  {}", demo.login, demo.password),
        format!("Second expert {}   same password", EXPERTS[1].0),
        format!("Guest link    {}", demo.guest),
        String::new(),
        String::from("The certificate is self-signed: let the browser go on."),
        format!("Data in {}. Ctrl-C stops; the next start finds everything again.", data.display()),
    ];
    boxed(&lines)
}

/// Lines in a frame.
fn boxed(lines: &[String]) -> String {
    let wide = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
    let edge = "─".repeat(wide + 2);
    let row = |line: &String| format!("│ {line}{} │\n", " ".repeat(wide - line.chars().count()));
    let rows: String = lines.iter().map(row).collect();
    format!("╭{edge}╮\n{rows}╰{edge}╯")
}

async fn people(gate: &Gate, password: &str, new: bool) -> io::Result<PersonId> {
    let (key, node) = (Key::Vault(gate.tenant), Caller::node(gate.tenant));
    let mut lead = PersonId::default();
    for (login, name) in EXPERTS {
        let person = PersonId::from_u128(gate.secrets.derive(&[b"demo", login.as_bytes()]));
        if lead == PersonId::default() {
            lead = person;
        }
        if !new {
            continue;
        }
        let secret = auth::hash(password).map_err(io::Error::other)?;
        let inputs = [
            vault::Input::Name { person, role: Role::Expert, name: name.into() },
            vault::Input::Enroll { person, login: login.into(), secret },
        ];
        for input in inputs {
            gate.house.ask::<Vault>(key, node, input).await.map_err(said)?;
        }
    }
    Ok(lead)
}

/// The demo case and the secret part of its guest link. Asked for on every start: the same words
/// make the same ids, so it is made once.
async fn first_case(gate: &Gate, lead: PersonId) -> io::Result<(CaseId, String)> {
    let id = |what: &[u8]| gate.secrets.derive(&[b"demo", what]);
    let case = CaseId::from_u128(id(b"case"));
    let (link, customer) = (LinkId::from_u128(id(b"link")), PersonId::from_u128(id(b"customer")));
    let tenant = gate.tenant;
    let session = SessionId::default();
    let by = Caller { tenant, person: lead, session, role: Role::Expert };
    let command = TenantCommand::Open { title: TITLE.into() };
    let input = tenant::Input::Command { command, case, link, customer };
    gate.house.ask::<Tenant>(Key::Tenant(tenant), by, input).await.map_err(said)?;
    let query = tenant::Query::LinkOf { by, case, link };
    let answer = gate.house.query::<Tenant>(Key::Tenant(tenant), query).await.map_err(said)?;
    let tenant::Answer::LinkOf(until) = answer else { return Err(said(ODD)) };
    let until = until.unwrap_or_default(); // revoked: the link is printed and opens nothing
    Ok((case, format!("/room#{}", gate.secrets.link(tenant, link, until))))
}

fn read(path: &Path) -> io::Result<Option<Demo>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(serde_json::from_str(&text)?)),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Twelve letters and digits that are not mistaken for one another.
pub(crate) fn new_password() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789-";
    chance::<12>().iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect()
}

fn said(no: actors::handle::No) -> io::Error {
    io::Error::other(format!("the demo tenant could not be made: {no:?}"))
}
