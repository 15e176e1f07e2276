//! Backups of a whole node: taken while people write, checked, restored into an empty folder, and
//! compared byte for byte.

use super::{
    files::{bytes, get, new_file, put},
    journeys::met,
    stage::Stage,
};
use node::{
    backup::{self, ArchiveFault, Report},
    config::Config,
    doctor,
    node::Node,
};
use protocol::{
    conversation::ConversationCommand,
    frame::{Command, Reply, ToBrowser, View},
    id::{ConversationId, MessageId, Seq},
    key::Key,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use storage::{
    backup::BackupFault,
    crypto::SealKey,
    journal::JournalId,
    ledger::{Ledger, Options, rebuild::Source},
};
use tempfile::TempDir;
use tests::browser::{Browser, Socket};
use tokio::sync::oneshot;

/// Where backups of a test lie.
pub(crate) struct Vault {
    folder: TempDir,
    pub(crate) key: SealKey,
}

impl Vault {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("backup.key");
        backup::make_key(&path).expect("a key is made");
        Self { key: backup::read_key(&path).expect("and read"), folder }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("one.backup")
    }

    /// Checks the backup.
    pub(crate) fn verified(&self) -> Result<Report, ArchiveFault> {
        backup::verify(&self.file(), &self.key, &mut |_| {})
    }

    /// Restores it into the folder of this configuration.
    pub(crate) fn restored(&self, config: &Config) -> Result<Report, ArchiveFault> {
        backup::restore(&self.file(), &self.key, config, &mut |_| {})
    }
}

/// An empty folder for a node like this one.
pub(crate) fn empty_like(config: &Config) -> (TempDir, Config) {
    let dir = tempfile::tempdir().expect("a folder");
    let mut config = config.clone();
    config.storage.data = dir.path().join("data");
    config.cluster = Config::default().cluster;
    (dir, config)
}

/// Where every journal ends.
pub(crate) fn heads(ledger: &Ledger) -> BTreeMap<JournalId, Seq> {
    let (mut heads, mut after) = (BTreeMap::new(), None);
    loop {
        let page = ledger.journals("", after.as_ref(), 100).expect("listed");
        let Some(last) = page.last() else { return heads };
        after = Some(last.clone());
        for journal in page {
            let head = ledger.head(&journal).expect("it has an end");
            heads.insert(journal, head);
        }
    }
}

/// The journals of a folder in which no node runs.
pub(crate) fn lying_in(data: &Path) -> Ledger {
    Ledger::open(Options::new(data.join("journals"))).expect("a restored folder opens")
}

/// BU1: every journal is a beginning of the one it was, to the byte, and no shorter than before.
pub(crate) fn compare<'a>(
    restored: &Ledger,
    of: impl Fn(&JournalId) -> &'a Ledger,
    before: &BTreeMap<JournalId, Seq>,
) {
    let after = heads(restored);
    for (journal, head) in before {
        assert!(after.get(journal).is_some_and(|it| it >= head), "BU1: {journal} up to {head}");
    }
    for (journal, head) in after {
        let mine = Source::stored(restored, &journal, Seq(0), 1_000_000).expect("sound");
        let theirs =
            Source::stored(of(&journal), &journal, Seq(0), head.0 as usize).expect("sound");
        assert!(mine == theirs, "BU1: {journal} is another one");
    }
}

/// Says one thing after another until it is told to stop; returns how often it was kept.
pub(crate) async fn chatter(
    mut socket: Socket,
    say: impl Fn(usize) -> Command,
    mut stop: oneshot::Receiver<()>,
) -> usize {
    let mut kept = 0;
    while stop.try_recv().is_err() {
        if let Reply::Done { .. } = socket.ask(say(kept)).await {
            kept += 1;
        }
        socket.ack().await; // or it is cut, as one that does not keep up
    }
    kept
}

/// Writes the first message anew, again and again.
pub(crate) fn editing(
    conversation: ConversationId,
    message: MessageId,
) -> impl Fn(usize) -> Command {
    move |number| {
        let text = format!("währenddessen {number}");
        let command = ConversationCommand::Edit { message, text };
        Command::Conversation { conversation, command }
    }
}

/// The texts of the last messages.
pub(crate) async fn texts(stage: &Stage, browser: &Browser) -> Vec<String> {
    let mut socket = browser.socket().await;
    match socket.watch(stage.chat_topic(), Seq::START).await {
        ToBrowser::Shown { view: View::Conversation { view }, .. } => {
            view.messages.into_iter().map(|it| it.text).collect()
        }
        other => panic!("no chat: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bu1_bu3_a_node_goes_on_elsewhere_with_everything_that_was_acknowledged() {
    let (stage, vault) = (Stage::start().await, Vault::new());
    let (mut lead, guest) = met(&stage).await;
    let first = stage.said(&mut lead, "vorher").await;
    for number in 0..30 {
        stage.said(&mut lead, format!("vorher {number}")).await;
    }
    let expert = stage.expert().await;
    let (file, twice, content) = (new_file(), new_file(), bytes(2_500_000));
    for id in [file, twice] {
        assert_eq!(put(&stage, &expert, id, "a.pdf", &content).await.status, 201);
    }
    let before = heads(&stage.gate().house.ledger);
    let (stop, stopped) = oneshot::channel();
    let say = editing(stage.conversation(), first);
    let talk = tokio::spawn(chatter(lead, say, stopped));
    let taken = backup::take(&stage.data(), &vault.key, &vault.file(), |_| {}).await;
    let taken = taken.expect("taken");
    let _ = stop.send(());
    talk.await.expect("people went on");
    drop(guest);

    let report = vault.verified().expect("it is sound");
    assert_eq!(report, taken);
    assert_eq!((report.manifest.tally.contents, report.manifest.tally.lost), (1, 0), "once");
    let (dir, config) = empty_like(stage.config());
    assert_eq!(vault.restored(&config).expect("restored").manifest, report.manifest);
    let restored = lying_in(&config.storage.data);
    compare(&restored, |_| &stage.gate().house.ledger, &before);
    restored.close();

    // And through the front door: password, guest link, cookie, chat and file are what they were.
    let demo = "demo.json";
    fs::copy(stage.data().join(demo), config.storage.data.join(demo)).expect("its words");
    let (login, password) = (stage.demo.login.clone(), stage.demo.password.clone());
    let link = stage.demo.guest.clone();
    let old = stage;
    let stage = Stage::on(dir, config).await;
    let again = Browser::sign_in(&stage.site, &login, &password).await;
    let seen = texts(&stage, &again).await;
    assert!((0..30).all(|it| seen.contains(&format!("vorher {it}"))), "{seen:?}");
    assert!(get(&stage, &again, twice, "").await.body == content);
    let guest = Browser::enter(&stage.site, &link, "Familie Groß").await;
    assert_eq!(guest.get("/healthz").await.status, 200);
    let same = expert.at(&stage.site);
    assert!(get(&stage, &same, file, "").await.body == content, "the cookie is still good");
    stage.said(&mut same.socket().await, "es geht weiter").await;
    assert_eq!(texts(&stage, &again).await.last().map(String::as_str), Some("es geht weiter"));
    drop(old);
}

#[tokio::test(flavor = "multi_thread")]
async fn re1_re2_a_restore_is_whole_or_nothing_and_writes_over_nothing() {
    let (stage, vault) = (Stage::start().await, Vault::new());
    let expert = stage.expert().await;
    let content = bytes(300_000);
    assert_eq!(put(&stage, &expert, new_file(), "a.pdf", &content).await.status, 201);
    let taken = backup::take(&stage.data(), &vault.key, &vault.file(), |_| {}).await;
    taken.expect("taken");
    let again = backup::take(&stage.data(), &vault.key, &vault.file(), |_| {}).await;
    let said = again.expect_err("it is there").to_string();
    assert!(said.contains("name a file that is not"), "{said}");

    // A node's own folder is not restored into.
    let said = vault.restored(stage.config()).expect_err("RE2").to_string();
    assert!(said.contains("not empty"), "{said}");

    // Damage is named, and nothing is left.
    let sound = fs::read(vault.file()).expect("read");
    let mut damaged = sound.clone();
    let at = damaged.len() - 1000;
    damaged[at] ^= 1;
    fs::write(vault.file(), &damaged).expect("written");
    for tried in [vault.verified(), vault.restored(&empty_like(stage.config()).1)] {
        let named = |fault: &BackupFault| matches!(fault, BackupFault::Damaged { chunk: 0, .. });
        match tried.expect_err("damaged") {
            ArchiveFault::Backup { fault, .. } if named(&fault) => {}
            other => panic!("{other}"),
        }
    }
    let (_dir, config) = empty_like(stage.config());
    vault.restored(&config).expect_err("damaged");
    let left = fs::read_dir(&config.storage.data).expect("the folder").count();
    assert_eq!(left, 0, "RE1: what failed is taken away");
    fs::write(vault.file(), &sound).expect("written");
    vault.restored(&config).expect("and then it can be done");

    // One that was killed is refused by everybody, the restore itself included.
    let (_dir, config) = empty_like(stage.config());
    fs::create_dir_all(config.storage.data.join("journals")).expect("half a restore");
    fs::write(config.storage.data.join("restoring"), "half").expect("and its mark");
    let no = Node::start(config.clone()).await.err().expect("RE1").to_string();
    let other = vault.restored(&config).expect_err("RE1").to_string();
    let findings = doctor::examine(&config);
    let data = findings.into_iter().find(|it| it.about == "data").expect("it is looked at");
    assert!(!data.well, "{data:?}");
    for said in [no, other, data.said] {
        assert!(said.contains("broken off") && said.contains("empty the folder"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bu3_a_content_that_no_node_has_is_named_and_the_rest_is_kept() {
    let (stage, vault) = (Stage::start().await, Vault::new());
    let expert = stage.expert().await;
    let (gone, stays) = (new_file(), new_file());
    assert_eq!(put(&stage, &expert, gone, "a.pdf", &bytes(100_000)).await.status, 201);
    for found in fs::read_dir(stage.data().join("files/kept")).expect("kept") {
        fs::remove_file(found.expect("listed").path()).expect("somebody removes it");
    }
    let content = bytes(90_000);
    assert_eq!(put(&stage, &expert, stays, "b.pdf", &content).await.status, 201);
    let taken = backup::take(&stage.data(), &vault.key, &vault.file(), |_| {}).await;
    let report = taken.expect("taken");
    assert_eq!((report.manifest.tally.lost, &report.lost[..]), (1, &[gone][..]), "BU3");
    assert_eq!(vault.verified().expect("it is sound"), report);
    let (dir, config) = empty_like(stage.config());
    vault.restored(&config).expect("restored");
    let node = Stage::on(dir, config).await;
    let there = expert.at(&node.site);
    assert!(get(&node, &there, stays, "").await.body == content);
    let journal = JournalId::new(&Key::File(gone).to_string()).expect("a good name");
    assert_eq!(node.gate().house.ledger.head(&journal), Ok(Seq(1)), "its record is there");
}
