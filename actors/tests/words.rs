//! What a node asks of an actor on another node, in the bytes of version 1 of the wire (VR2).
//!
//! Inputs, queries and answers travel inside `PeerRequest::{Input, Query}`. `vectors/v1.txt` holds a
//! line for each variant, and lines are only ever added. When a new variant has none, this test
//! fails; `KONSIL_WRITE_VECTORS=1 cargo test -p actors --test words` adds it, and its diff is to be
//! read: an old line that changes is an ask that the release before no longer understands.

use actors::{accounts, audit, conversation, file, room, session, tenant, vault};
use protocol::{
    accounts::{AccountsCommand, AccountsRefusal, Held},
    caller::{Caller, Role},
    codec,
    conversation::{ConversationCommand, Message},
    file::FileView,
    id::{
        CaseId, ConversationId, FileId, GrantId, LinkId, MessageId, PersonId, Seq, SessionId,
        TenantId,
    },
    room::RoomCommand,
    session::{Origin, SessionCommand, SessionRefusal},
    tenant::{TenantCommand, TenantRefusal},
    time::Time,
    vault::Named,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, fs, path::PathBuf};

/// Names and bytes, as the test makes them.
#[derive(Default)]
struct Lines(BTreeMap<String, String>);

impl Lines {
    fn add<T: Serialize + DeserializeOwned>(&mut self, name: String, value: &T) {
        let bytes = codec::encode(value);
        let back = codec::decode::<T, 65_536>(&bytes).expect("what is encoded is decoded");
        assert_eq!(codec::encode(&back), bytes, "{name}");
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(self.0.insert(name.clone(), hex).is_none(), "{name} stands here twice");
    }
}

/// One value of each variant; a new variant does not compile until it stands here.
macro_rules! words {
    ($to:ident, $kind:ident, $word:ident { $($variant:ident => $value:expr;)* }) => {{
        use $kind::$word;
        let name = |value: &$word| match value {
            $($word::$variant { .. } => stringify!($variant),)*
        };
        let place = concat!(stringify!($kind), "/", stringify!($word), "/");
        for value in [$($value),*] {
            $to.add(format!("{place}{}", name(&value)), &value);
        }
    }};
}

const AT: Time = Time::from_ms(1_800_000_000_123);

fn by() -> Caller {
    Caller {
        tenant: TenantId::from_u128(1),
        person: PersonId::from_u128(2),
        session: SessionId::from_u128(3),
        role: Role::Expert,
    }
}

fn person() -> PersonId {
    PersonId::from_u128(0x0102_0304)
}

fn kept() -> file::Kept {
    let conversation = ConversationId::from_u128(5);
    let (name, media_type) = ("Antrag.pdf".into(), "application/pdf".into());
    file::Kept { conversation, name, media_type, bytes: 70_000, content: [7; 32] }
}

fn message() -> Message {
    Message {
        message: MessageId::from_u128(9),
        seq: Seq(300),
        changed: Seq(301),
        by: person(),
        at: AT,
        text: "Guten Tag".into(),
        files: vec![FileId::from_u128(8)],
        edited: true,
        erased: false,
    }
}

fn audits(to: &mut Lines) {
    use protocol::audit::{By, Draft, Outcome, Purpose, Thing, Verb};
    let draft = Draft {
        verb: Verb::NamesRead,
        by: By::Person { person: person(), session: SessionId::from_u128(3), role: Role::Expert },
        what: vec![Thing::Person { person: person() }],
        purpose: Some(Purpose::Consultation),
        result: Outcome::Done,
        change: None,
        from: Some([7; 32]),
    };
    words!(to, audit, Input {
        Record => Input::Record(draft);
    });
    words!(to, audit, Query {
        Head => Query::Head;
    });
    words!(to, audit, Answer {
        Head => Answer::Head(audit::Head { size: 3, root: [5; 32] });
    });
}

fn rooms(to: &mut Lines) {
    let people = || vec![person()];
    words!(to, room, Input {
        Command => Input::Command(RoomCommand::Lock {});
        Open => Input::Open { case: CaseId::from_u128(4), lead: person() };
        End => Input::End;
    });
    words!(to, room, Query {
        Seated => Query::Seated { by: by() };
        Knows => Query::Knows { by: by(), people: people() };
    });
    words!(to, room, Answer {
        Seated => Answer::Seated(true);
        Knows => Answer::Knows(people());
    });
}

fn conversations(to: &mut Lines) {
    let people = || vec![person()];
    let read = ConversationCommand::Read { upto: Seq(9) };
    words!(to, conversation, Input {
        Command => Input::Command(read);
        Open => Input::Open { case: CaseId::from_u128(4), people: people() };
        Grant => Input::Grant(person());
        Withdraw => Input::Withdraw(person());
    });
    words!(to, conversation, Query {
        Admits => Query::Admits { by: by() };
        Knows => Query::Knows { by: by(), people: people() };
        Page => Query::Page { by: by(), before: MessageId::from_u128(9) };
    });
    words!(to, conversation, Answer {
        Admits => Answer::Admits(false);
        Knows => Answer::Knows(people());
        Page => Answer::Page(Ok((vec![message()], true)));
    });
}

fn tenants(to: &mut Lines) {
    let (case, link) = (CaseId::from_u128(4), LinkId::from_u128(6));
    let command = TenantCommand::Open { title: "Beratung".into() };
    words!(to, tenant, Input {
        Command => Input::Command { command, case, link, customer: person() };
        Settle => Input::Settle { case, ended: true };
    });
    words!(to, tenant, Query {
        Opens => Query::Opens { now: AT, link };
        LinkOf => Query::LinkOf { by: by(), case, link };
        Knows => Query::Knows { by: by(), people: vec![person()] };
    });
    let (expert, customer) = (person(), PersonId::from_u128(11));
    let opens = tenant::Opens { case, title: "Beratung".into(), expert, customer, until: AT };
    words!(to, tenant, Answer {
        Opens => Answer::Opens(Ok(opens));
        LinkOf => Answer::LinkOf(Err(TenantRefusal::LinkRevoked {}));
        Knows => Answer::Knows(vec![person()]);
    });
}

fn vaults(to: &mut Lines) {
    let (role, login) = (Role::Customer, || "erika@example.org".to_owned());
    let (secret, name) = (|| "a hash".to_owned(), || "Erika".to_owned());
    words!(to, vault, Input {
        Name => Input::Name { person: person(), role, name: name() };
        Enroll => Input::Enroll { person: person(), login: login(), secret: secret() };
    });
    words!(to, vault, Query {
        Names => Query::Names { people: vec![person()] };
        Enrolled => Query::Enrolled { login: login() };
        Role => Query::Role { person: person() };
    });
    let known = vault::Enrolled { person: person(), role, secret: secret() };
    words!(to, vault, Answer {
        Names => Answer::Names(vec![Named { person: person(), name: name() }]);
        Enrolled => Answer::Enrolled(Some(known));
        Role => Answer::Role(Some(Role::Expert));
    });
}

fn accounts_of_a_tenant(to: &mut Lines) {
    let (grant, role) = (GrantId::from_u128(12), Role::Support);
    let command = AccountsCommand::Withdraw { person: person(), role };
    words!(to, accounts, Input {
        Command => Input::Command { command, grant, before: Some(Role::Expert) };
        Admit => Input::Admit { person: person(), role: Role::Administrator };
    });
    words!(to, accounts, Query {
        Roles => Query::Roles { person: person(), now: AT };
        View => Query::View { by: by() };
        Knows => Query::Knows { by: by(), people: vec![person()] };
    });
    words!(to, accounts, Answer {
        Roles => Answer::Roles(Some(vec![Held { role, since: AT, until: Some(AT) }]));
        View => Answer::View(Err(AccountsRefusal::NotAllowed));
        Knows => Answer::Knows(vec![person()]);
    });
}

fn sessions_and_files(to: &mut Lines) {
    let (role, origin) = (Role::Expert, Origin::SignIn {});
    words!(to, session, Input {
        Command => Input::Command(SessionCommand::Close {});
        Open => Input::Open { person: person(), role, origin, until: AT };
        Resume => Input::Resume;
    });
    words!(to, session, Query { View => Query::View { by: by() }; });
    words!(to, session, Answer { View => Answer::View(Err(SessionRefusal::Expired {})); });
    words!(to, file, Input {
        Keep => Input::Keep(kept());
        Withdraw => Input::Withdraw;
    });
    let (file, conversation) = (FileId::from_u128(8), ConversationId::from_u128(5));
    words!(to, file, Query { Look => Query::Look { by: by(), file, conversation }; });
    let file::Kept { name, media_type, bytes, .. } = kept();
    let view = FileView { file, name, media_type, bytes, by: person(), at: AT };
    words!(to, file, Answer { Look => Answer::Look(Ok((view, kept()))); });
}

#[test]
fn vr2_what_is_asked_of_actors_elsewhere_is_asked_in_the_bytes_of_version_1() {
    let mut made = Lines::default();
    for add in
        [rooms, conversations, tenants, vaults, accounts_of_a_tenant, sessions_and_files, audits]
    {
        add(&mut made);
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors/v1.txt");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let kept = text.lines().filter_map(|line| line.split_once(' '));
    let mut kept: BTreeMap<_, _> = kept.map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
    if std::env::var_os("KONSIL_WRITE_VECTORS").is_some() {
        for (name, bytes) in &made.0 {
            kept.entry(name.clone()).or_insert_with(|| bytes.clone());
        }
        let lines = kept.iter().map(|(name, bytes)| format!("{name} {bytes}\n"));
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        fs::write(&path, lines.collect::<String>()).expect("writable");
    }
    for (name, bytes) in &made.0 {
        assert_eq!(kept.get(name), Some(bytes), "{name}: see the head of this test");
    }
    for name in kept.keys() {
        assert!(made.0.contains_key(name), "{name} was once said and is no more");
    }
}
