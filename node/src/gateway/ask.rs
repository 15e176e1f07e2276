//! One ask from a browser: find the actor, bring it the command, make the answer.

use actors::{
    conversation::{self, Conversation},
    effect::Ask,
    file::{self, File},
    handle::{Asker, No, ODD},
    outbox::Outbox,
    room::{self, Room},
    session::{self, Session},
    tenant::{self, Tenant},
    vault::{self, Vault},
};
use protocol::{
    audit::{By, Draft, Outcome, Purpose, Thing, Verb},
    caller::Caller,
    codec,
    conversation::ConversationCommand,
    file::FileView,
    frame::{Command, Fault, Refusal, Reply, Topic},
    id::{CaseId, ConversationId, FileId, LinkId, PersonId, RequestId, RoomId},
    key::Key,
    limits,
    media::MediaCommand,
    tenant::TenantCommand,
    vault::VaultRefusal,
};
use std::{collections::BTreeSet, time::Duration};

use super::{
    Gate,
    bodies::reply_of,
    record::{self, verbs},
    roles,
};

/// How long an ask may take. After that the browser asks again under the same request, at this node
/// or another one, and what was done is found done.
const PATIENCE: Duration = Duration::from_secs(30);

/// Does what is asked, as far as this caller may.
pub async fn answer(
    gate: &Gate,
    by: Caller,
    outbox: &Outbox,
    request: &str,
    command: Command,
) -> Reply {
    let draft = draft(gate, by, request, &command);
    let done = tokio::time::timeout(PATIENCE, async {
        let done = brought(gate, by, outbox, request, command).await;
        record::done(gate, &by, draft, &done).await?; // before the answer leaves
        done
    });
    done.await.unwrap_or(Err(No::Faulted(Fault::Timeout))).unwrap_or_else(reply_of)
}

/// What is to be recorded of a command, but for what comes of it.
fn draft(gate: &Gate, by: Caller, request: &str, command: &Command) -> Option<Draft> {
    let (verb, mut what) = verbs::of(command)?;
    if let Command::Tenant { command } = command {
        // What is about to be made has its ids already.
        let Made { case, link, customer } = made(gate, by, request, command);
        match command {
            TenantCommand::Open { .. } => what.extend([
                Thing::Case { case },
                Thing::Link { link },
                Thing::Person { person: customer },
            ]),
            TenantCommand::Invite { .. } => what.push(Thing::Link { link }),
            TenantCommand::Revoke { .. } | TenantCommand::Close { .. } => {}
        }
    }
    let draft = Draft::new(verb, record::person(&by), Outcome::Done).about(what);
    Some(Draft { change: verbs::change(command), ..draft })
}

/// The ids of what a command of a tenant makes.
struct Made {
    case: CaseId,
    link: LinkId,
    customer: PersonId,
}

/// The same request makes the same ids, so a retry finds what the first try made; another command
/// under the same request makes other ones.
fn made(gate: &Gate, by: Caller, request: &str, command: &TenantCommand) -> Made {
    let about = match command {
        TenantCommand::Open { .. } => b"open".to_vec(),
        TenantCommand::Invite { case, .. } => case.as_u128().to_be_bytes().to_vec(),
        TenantCommand::Revoke { .. } | TenantCommand::Close { .. } => Vec::new(),
    };
    let new = |what: &[u8]| {
        let person = by.person.as_u128().to_be_bytes();
        gate.secrets.derive(&[what, &about, &person, request.as_bytes()])
    };
    Made {
        case: CaseId::from_u128(new(b"case")),
        link: LinkId::from_u128(new(b"link")),
        customer: PersonId::from_u128(new(b"person")),
    }
}

async fn brought(
    gate: &Gate,
    by: Caller,
    outbox: &Outbox,
    request: &str,
    command: Command,
) -> Result<Reply, No> {
    let asker = asker(gate, by, request, &command);
    match command {
        Command::Session { command } => {
            let input = session::Input::Command(command);
            let done = gate.house.ask::<Session>(Key::Session(by.session), asker, input).await;
            gate.house.cut_session(by.session);
            done.map(|seq| Reply::Done { seq })
        }
        Command::Tenant { command } => of_tenant(gate, asker, request, command).await,
        Command::Room { room, command } => {
            let input = room::Input::Command(command);
            let done = gate.house.ask::<Room>(Key::Room(room), asker, input).await;
            done.map(|seq| Reply::Done { seq })
        }
        Command::Conversation { conversation, command } => {
            of_conversation(gate, asker, conversation, command).await
        }
        Command::Media { room, command } => of_media(gate, by, outbox, room, command).await,
        Command::Names { topic, people } => names(gate, by, topic, people).await,
        Command::Files { conversation, files } => about_files(gate, by, conversation, files).await,
        Command::Link { case, link } => secret_of(gate, by, case, link).await,
        Command::Accounts { command } => roles::change(gate, asker, request, command).await,
    }
}

/// Who asks, and what is the same when the browser asks once more: the device, the chance it chose,
/// and what it asks. Another command under the same chance is another request.
fn asker(gate: &Gate, by: Caller, request: &str, command: &Command) -> Asker {
    let (session, command) = (by.session.as_u128().to_be_bytes(), codec::encode(command));
    let id = gate.secrets.derive(&[b"request", &session, request.as_bytes(), &command]);
    Asker::under(by, RequestId::from_u128(id))
}

async fn of_tenant(
    gate: &Gate,
    asker: Asker,
    request: &str,
    command: TenantCommand,
) -> Result<Reply, No> {
    let by = asker.by;
    let Made { case, link, customer } = made(gate, by, request, &command);
    let opens = matches!(command, TenantCommand::Open { .. });
    let input = tenant::Input::Command { command, case, link, customer };
    let seq = gate.house.ask::<Tenant>(Key::Tenant(by.tenant), asker, input).await?;
    if !opens {
        return Ok(Reply::Done { seq });
    }
    // The tenant asks the same through its messenger; asking here as well means that the expert
    // finds room and conversation standing when the answer arrives.
    let (tenant, lead, people) = (by.tenant, by.person, vec![by.person, customer]);
    gate.house.deliver(Ask::OpenRoom { case, lead, tenant }).await?;
    gate.house.deliver(Ask::OpenConversation { case, people, tenant }).await?;
    Ok(Reply::Case { case })
}

async fn of_conversation(
    gate: &Gate,
    asker: Asker,
    conversation: ConversationId,
    command: ConversationCommand,
) -> Result<Reply, No> {
    let key = Key::Conversation(conversation);
    if let ConversationCommand::Earlier { before } = command {
        let query = conversation::Query::Page { by: asker.by, before };
        let conversation::Answer::Page(page) = gate.house.query::<Conversation>(key, query).await?
        else {
            return Err(ODD);
        };
        let refused = |why| No::Refused(Refusal::Conversation { why });
        let (messages, earlier) = page.map_err(refused)?;
        return Ok(Reply::Earlier { messages, earlier });
    }
    let input = conversation::Input::Command(command);
    let seq = gate.house.ask::<Conversation>(key, asker, input).await?;
    Ok(Reply::Done { seq })
}

async fn of_media(
    gate: &Gate,
    by: Caller,
    outbox: &Outbox,
    room: RoomId,
    command: MediaCommand,
) -> Result<Reply, No> {
    let answer = gate.house.call(room, by, outbox, command).await?;
    Ok(answer.map_or(Reply::Done { seq: Default::default() }, |sdp| Reply::Answer { sdp }))
}

/// Names, for those who share a room, a conversation or a case with the person (S98).
async fn names(gate: &Gate, by: Caller, topic: Topic, people: Vec<PersonId>) -> Result<Reply, No> {
    if people.len() > limits::NAMES_PER_ASK {
        return Err(No::Refused(Refusal::Vault { why: VaultRefusal::NotAllowed }));
    }
    let asked: BTreeSet<PersonId> = people.into_iter().collect();
    let people: Vec<PersonId> = asked.into_iter().collect();
    let house = &gate.house;
    let known = match topic {
        Topic::Room { room } => {
            let query = room::Query::Knows { by, people };
            match house.query::<Room>(Key::Room(room), query).await? {
                room::Answer::Knows(known) => known,
                room::Answer::Seated(_) => return Err(ODD),
            }
        }
        Topic::Conversation { conversation } => {
            let query = conversation::Query::Knows { by, people };
            match house.query::<Conversation>(Key::Conversation(conversation), query).await? {
                conversation::Answer::Knows(known) => known,
                _ => return Err(ODD),
            }
        }
        Topic::Tenant {} => {
            let query = tenant::Query::Knows { by, people };
            match house.query::<Tenant>(Key::Tenant(by.tenant), query).await? {
                tenant::Answer::Knows(known) => known,
                _ => return Err(ODD),
            }
        }
        Topic::Accounts {} => roles::known(gate, by, people).await?,
    };
    let draft = names_read(topic, &known);
    record::of_person(gate, &by, draft).await?; // before they leave (S102)
    let query = vault::Query::Names { people: known };
    match house.query::<Vault>(Key::Vault(by.tenant), query).await? {
        vault::Answer::Names(names) => Ok(Reply::Names { names }),
        _ => Err(ODD),
    }
}

/// That these names are given out, and what for: one record for all of them.
fn names_read(topic: Topic, people: &[PersonId]) -> Draft {
    let (purpose, place) = match topic {
        Topic::Room { room } => (Purpose::Consultation, Some(Thing::Room { room })),
        Topic::Conversation { conversation } => {
            (Purpose::Conversation, Some(Thing::Conversation { conversation }))
        }
        Topic::Tenant {} => (Purpose::Cases, None),
        Topic::Accounts {} => (Purpose::Rights, None),
    };
    let people = people.iter().map(|&person| Thing::Person { person });
    let draft = Draft::new(Verb::NamesRead, By::Node {}, Outcome::Done);
    Draft { purpose: Some(purpose), ..draft.about(place.into_iter().chain(people)) }
}

async fn about_files(
    gate: &Gate,
    by: Caller,
    conversation: ConversationId,
    files: Vec<FileId>,
) -> Result<Reply, No> {
    admitted(gate, by, conversation).await?;
    if files.len() > limits::NAMES_PER_ASK {
        return Err(No::Faulted(Fault::Busy));
    }
    let mut views: Vec<FileView> = Vec::with_capacity(files.len());
    for id in files {
        let query = file::Query::Look { by, file: id, conversation };
        let file::Answer::Look(found) = gate.house.query::<File>(Key::File(id), query).await?;
        // A withdrawn or foreign file is left out: the others are still worth knowing.
        if let Ok((view, _)) = found {
            views.push(view);
        }
    }
    Ok(Reply::Files { files: views })
}

/// Whether this caller may read and write in this conversation.
///
/// # Errors
/// `NotFound`, whether it does not exist or is not theirs.
pub async fn admitted(gate: &Gate, by: Caller, conversation: ConversationId) -> Result<(), No> {
    use protocol::conversation::ConversationRefusal::NotFound;
    let (key, query) = (Key::Conversation(conversation), conversation::Query::Admits { by });
    match gate.house.query::<Conversation>(key, query).await? {
        conversation::Answer::Admits(true) => Ok(()),
        conversation::Answer::Admits(false) => {
            Err(No::Refused(Refusal::Conversation { why: NotFound }))
        }
        _ => Err(ODD),
    }
}

async fn secret_of(gate: &Gate, by: Caller, case: CaseId, link: LinkId) -> Result<Reply, No> {
    let query = tenant::Query::LinkOf { by, case, link };
    let tenant::Answer::LinkOf(until) =
        gate.house.query::<Tenant>(Key::Tenant(by.tenant), query).await?
    else {
        return Err(ODD);
    };
    let until = until.map_err(|why| No::Refused(Refusal::Tenant { why }))?;
    Ok(Reply::Link { path: format!("/room#{}", gate.secrets.link(by.tenant, link, until)) })
}
