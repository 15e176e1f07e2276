//! Scrubbing two real copies: what bits flipped in one is found and healed from the other, what is
//! sound stays as it is, and what nobody can know is named.

use super::*;
use crate::{
    ContentId, Files, history,
    journal::Link,
    scrub::{
        Act, ContentLook, Done as Seen, Figures, Finding, Held, Miss, News, Scrubber,
        Settings as Pace, Why,
    },
    store::{Batch, Store as _},
};
use protocol::{
    cluster::Lsn,
    codec,
    file::FileEvent,
    id::{ConversationId, FileId, PersonId, TenantId},
    key::Key,
};

/// Two nodes with journals and a file, the second holding the second copy of everything.
struct Pair {
    cluster: Cluster,
    worlds: Vec<World>,
    files: Vec<(MemoryDisk, Files)>,
    journals: Vec<JournalId>,
    content: ContentId,
}

impl Pair {
    fn new(entries: u64, snapshots: bool) -> Self {
        let (cluster, worlds) = cluster(2);
        let first = id("room/1");
        let shard = first.shard();
        let names = (2..).map(|number| id(&format!("room/{number}")));
        let others = names.filter(|it| it.shard() == shard).take(2);
        let record = Key::File(FileId::from_u128(u128::from(shard)));
        let mut journals: Vec<JournalId> = [first].into_iter().chain(others).collect();
        journals.push(id(&record.to_string()));
        cluster.pair(shard, 1, 2);
        for (journal, count) in journals.iter().zip([entries, 3, 1]) {
            for after in 0..count {
                let body = vec![after as u8; 60 + (after as usize % 7) * 900];
                assert_eq!(cluster.append(1, journal, after, &body), Ok(Seq(after + 1)));
            }
        }
        let body: Vec<u8> = (0..700_000_u32).map(|at| (at * 31 + at / 251) as u8).collect();
        let files: Vec<(MemoryDisk, Files)> = (0..2)
            .map(|_| {
                let disk = MemoryDisk::new();
                let files = Files::on_disk(Arc::new(disk.clone())).expect("opened");
                (disk, files)
            })
            .collect();
        let kept = files.iter().map(|(_, files)| keep(files, &body)).collect::<Vec<_>>();
        let event = codec::encode(&FileEvent::Kept {
            tenant: TenantId::from_u128(1),
            conversation: ConversationId::from_u128(1),
            by: PersonId::from_u128(1),
            name: "a".into(),
            media_type: "b".into(),
            bytes: kept[0].len,
            content: kept[0].hash,
        });
        assert_eq!(cluster.append(1, &journals[3], 0, &event), Ok(Seq(1)));
        if snapshots {
            let fold = vec![7; 5000];
            cluster.at(1).snapshot(&journals[0], Seq(entries), 1, fold).expect("taken in");
        }
        let pair = Self { cluster, worlds, files, journals, content: kept[0] };
        pair.settle();
        pair
    }

    fn shard(&self) -> u16 {
        self.journals[0].shard()
    }

    /// Both copies have everything, and their engines do.
    fn settle(&self) {
        let lens = |number| -> Vec<usize> {
            self.journals.iter().map(|it| self.cluster.at(number).raw(it).len()).collect()
        };
        self.cluster.until("both have it", |_| lens(1) == lens(2));
        for number in 1..=2 {
            self.cluster
                .until("the engine has it", |it| it.at(number).stats().unapplied_bytes == 0);
        }
    }

    /// Starts a node anew, so that memory knows nothing; somebody serves afterwards.
    fn restart(&mut self, number: u64, meanwhile: impl FnOnce(&World)) {
        let shard = self.shard();
        self.cluster.stop(number);
        meanwhile(&self.worlds[number as usize - 1]);
        self.cluster.start(number);
        self.cluster.until("somebody serves", |it| it.serves(1, shard) || it.serves(2, shard));
        let primary = self.cluster.config(shard).primary.number;
        let other = 3 - primary;
        self.cluster.want(shard, primary, Some(other));
        self.cluster.until("two copies", |it| {
            it.config(shard).twin.is_some() && it.at(1).whole(shard) == it.at(2).whole(shard)
        });
    }

    fn scrubber(&self) -> Scrubber {
        let pace = Pace { bytes_per_second: u64::MAX / 1_000_000, every_ms: 1000 };
        Scrubber::new(pace, 0, 0)
    }

    /// One round of one node over the shard; `meanwhile` happens between any two acts.
    fn scrub(&self, number: u64, mut meanwhile: impl FnMut(&Self)) -> (Vec<News>, Figures) {
        let (mut scrubber, mut now) = (self.scrubber(), 0);
        let mut verifying = None;
        for _ in 0..100_000 {
            if scrubber.figures(now).rounds > 0 {
                return (scrubber.news(), scrubber.figures(now));
            }
            scrubber.holds(now, self.held(number));
            match scrubber.next(now, false) {
                Act::Wait { until } => {
                    now = until;
                    self.cluster.pump();
                }
                act => {
                    let done = self.perform(number, act, &mut verifying);
                    scrubber.done(now, done);
                    meanwhile(self);
                }
            }
        }
        panic!("a round never ends");
    }

    fn held(&self, number: u64) -> Option<Held> {
        let shard = self.shard();
        let config = self.cluster.config(shard);
        let other = [Some(config.primary), config.twin];
        let other = other.into_iter().flatten().find(|it| it.number != number);
        self.cluster.at(number).whole(shard).map(|epoch| Held { shard, epoch, other })
    }

    /// Does one act as a node does.
    fn perform(
        &self,
        number: u64,
        act: Act,
        verifying: &mut Option<crate::files::Verifying>,
    ) -> Seen {
        let me = self.cluster.at(number);
        let files = |number: u64| &self.files[number as usize - 1].1;
        match act {
            Act::Wait { .. } => unreachable!("nobody performs a wait"),
            Act::Places { shard, epoch } => Seen::Places(miss(me.mend_places(shard, epoch))),
            Act::Sums { to, shard, epoch, of } => {
                let sums = self.cluster.at(to.number).sum_up(shard, epoch, &of);
                Seen::Sums { from: to, sums: miss(sums) }
            }
            Act::List { shard, after } => {
                Seen::Listed(miss(me.journals_in(shard, after.as_ref(), 256)))
            }
            Act::Look { journal, epoch, from, theirs } => {
                Seen::Looked(miss(me.look(&journal, epoch, from, theirs)))
            }
            Act::Tidy { journal, epoch } => Seen::Tidied(miss(me.tidy(&journal, epoch))),
            Act::Stored { to, epoch, journal, from, upto, .. } => {
                let stored = self.cluster.at(to.number).stored(&journal, epoch, from, upto);
                Seen::Stored(miss(stored))
            }
            Act::Mend { journal, epoch, left, entries } => {
                Seen::Mended(miss(me.mend(&journal, epoch, left, &entries)))
            }
            Act::Extend { journal, epoch, theirs, entries } => {
                Seen::Extended(miss(me.extend(&journal, epoch, theirs, &entries)))
            }
            Act::Head { journal, epoch, end } => {
                Seen::Headed(miss(me.mend_head(&journal, epoch, end)))
            }
            Act::Record { .. } => Seen::Record(Ok(Some(self.content))),
            Act::Content { content, begin } => {
                Seen::Content(miss(read(files(number), content, begin, verifying)))
            }
            Act::Fetch { content, .. } => {
                let fetched = files(3 - number).content(&content).and_then(|there| {
                    let bytes = there.read_at(0, content.len as usize)?;
                    let mut upload = files(number).begin(content.len)?;
                    upload.write(&bytes)?;
                    upload.finish_as(&content)
                });
                Seen::Fetched(miss(fetched))
            }
        }
    }

    fn dumps(&self) -> Vec<BTreeMap<Vec<u8>, Vec<u8>>> {
        self.worlds.iter().map(|world| world.store.dump()).collect()
    }

    /// The keys of a kind that a copy's engine holds.
    fn keys(&self, number: usize, kinds: &[u8]) -> Vec<Vec<u8>> {
        let dump = self.worlds[number - 1].store.dump();
        let shard = self.shard().to_be_bytes();
        let other = |key: &[u8]| b"pf".contains(&key[0]) && key[1..] != shard;
        dump.into_keys().filter(|key| kinds.contains(&key[0]) && !other(key)).collect()
    }
}

fn miss<T>(result: Result<T, StorageFault>) -> Result<T, Miss> {
    result.map_err(Miss::from)
}

fn keep(files: &Files, bytes: &[u8]) -> ContentId {
    let mut upload = files.begin(u64::MAX).expect("begun");
    upload.write(bytes).expect("written");
    upload.finish().expect("kept")
}

fn read(
    files: &Files,
    content: ContentId,
    begin: bool,
    verifying: &mut Option<crate::files::Verifying>,
) -> Result<ContentLook, StorageFault> {
    if begin {
        *verifying = Some(files.content(&content)?.verifying());
    }
    let read = verifying.as_mut().expect("it was begun").step(100_000)?;
    Ok(ContentLook { bytes: read.unwrap_or(0), whole: read.is_none() })
}

/// The same without what a healing may change: a snapshot may be gone, and places in the log are
/// those of the latest checkpoint.
fn kept(dump: &BTreeMap<Vec<u8>, Vec<u8>>) -> BTreeMap<&Vec<u8>, &Vec<u8>> {
    dump.iter().filter(|(key, _)| !b"sc".contains(&key[0])).collect()
}

#[test]
fn sc4_a_round_over_sound_copies_changes_nothing() {
    let pair = Pair::new(200, true);
    let before = (pair.dumps(), pair.worlds.iter().map(|it| it.store.turns()).collect::<Vec<_>>());
    for number in 1..=2 {
        let (news, figures) = pair.scrub(number, |_| {});
        assert_eq!(news, []);
        assert_eq!((figures.damaged, figures.unmended), (0, 0));
        assert!(figures.entries >= 205 && figures.bytes > 700_000, "{figures:?}");
    }
    let turns: Vec<_> = pair.worlds.iter().map(|it| it.store.turns()).collect();
    assert!((pair.dumps(), turns) == before, "SC4: not even written the same");
}

#[test]
fn sc1_flipped_bits_of_one_copy_are_healed_by_one_round_and_nothing_else_is_touched() {
    let mut healed = 0;
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let mut pair = Pair::new(20 + dice.below(100), dice.one_in(2));
        let before = pair.dumps();
        let number = 1 + dice.below(2);
        let forgets = dice.one_in(2);
        // A node that forgot everything opens only with sound places.
        let kinds: &[u8] = if forgets { b"ehsn" } else { b"ehsnNpfc" };
        let keys = pair.keys(number as usize, kinds);
        let flips: Vec<(Vec<u8>, u64)> = (0..1 + dice.below(8))
            .map(|_| (keys[dice.below(keys.len() as u64) as usize].clone(), dice.roll()))
            .collect();
        let flip =
            |world: &World| flips.iter().for_each(|(key, seed)| world.store.flip_at(key, *seed));
        if forgets {
            pair.restart(number, flip);
        } else {
            flip(&pair.worlds[number as usize - 1]);
        }
        if dice.one_in(2) {
            let name = format!("kept/{}", crate::digest::hex(&pair.content.hash));
            let (disk, _) = &pair.files[number as usize - 1];
            disk.flip(&name, dice.below(700_000), dice.below(8) as u8);
        }
        let (news, figures) = pair.scrub(number, |_| {});
        let bad = news.iter().filter(|it| matches!(it, News::Damaged(_))).count();
        assert_eq!((bad, figures.unmended), (0, 0), "seed {seed}: {news:?} {flips:?}");
        assert_eq!(figures.damaged, figures.healed, "seed {seed}");
        healed += figures.healed;

        pair.settle();
        for (now, before) in pair.dumps().iter().zip(&before) {
            let (now, before) = (kept(now), kept(before));
            let places = |key: &&&Vec<u8>| forgets && b"pf".contains(&key[0]); // a new epoch
            for (key, value) in before.iter().filter(|(key, _)| !places(key)) {
                assert_eq!(now.get(*key), Some(value), "seed {seed}: {}", key.escape_ascii());
            }
            assert_eq!(now.len(), before.len(), "seed {seed}: nothing is added");
        }
        for number in 1..=2 {
            let ledger = pair.cluster.at(number);
            for journal in &pair.journals {
                assert_eq!(ledger.verify(journal), Ok(()), "seed {seed}");
                assert_eq!(ledger.raw(journal), pair.cluster.at(3 - number).raw(journal));
            }
            let files = &pair.files[number as usize - 1].1;
            assert_eq!(files.content(&pair.content).and_then(|it| it.verify()), Ok(()));
        }
        let again = pair.scrub(number, |_| {}).1;
        assert_eq!(again.damaged, 0, "seed {seed}: all in one round");
    }
    assert!(healed > 100, "{healed}");
}

#[test]
fn sc2_sc3_lost_ends_heads_and_whole_journals_come_back() {
    for (seed, number) in (0..12).zip([1, 2].into_iter().cycle()) {
        let mut dice = Dice::new(seed);
        let mut pair = Pair::new(30, false);
        let before = pair.dumps();
        let journal = pair.journals[dice.below(3) as usize].clone();
        let raw = pair.cluster.at(number).raw(&journal);
        let keep = dice.below(raw.len() as u64);
        pair.restart(number, |world| {
            // The engine is back at an earlier point, as far as this journal goes.
            let mut batch = Batch::default();
            let store = &world.store;
            if keep == 0 {
                keys::delete_journal(&mut batch, store, journal.shard(), &journal).expect("found");
            } else {
                let last = history::read_entry(&raw[keep as usize - 1]).expect("sound");
                keys::delete_entries(&mut batch, store, &journal, Seq(keep + 1)).expect("found");
                keys::put_head(&mut batch, &journal, Link { seq: Seq(keep), hash: last.hash });
            }
            store.apply(&batch).expect("applied");
            store.sync().expect("synced");
        });
        assert_eq!(pair.cluster.at(number).head(&journal), Ok(Seq(keep)), "it knows no better");
        let (news, figures) = pair.scrub(number, |_| {});
        assert_eq!(news.len(), 1, "seed {seed}: {news:?}");
        assert_eq!(figures.healed, raw.len() as u64 - keep, "seed {seed}");
        pair.settle();
        assert_eq!(pair.cluster.at(number).raw(&journal), raw);
        let (now, was) = (&pair.dumps()[number as usize - 1], &before[number as usize - 1]);
        let entries = |dump: &BTreeMap<Vec<u8>, Vec<u8>>| -> Vec<(Vec<u8>, Vec<u8>)> {
            let of = dump.iter().filter(|(key, _)| b"ehn".contains(&key[0]));
            of.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        assert_eq!(entries(now), entries(was), "seed {seed}");
        let primary = pair.cluster.config(pair.shard()).primary.number;
        let after = raw.len() as u64;
        assert_eq!(pair.cluster.append(primary, &journal, after, b"on"), Ok(Seq(after + 1)));
    }
}

#[test]
fn sb5_a_tail_that_moves_is_no_difference_and_damage_under_it_is_healed() {
    for seed in 0..6 {
        let pair = Pair::new(150, false);
        let number = 1 + seed % 2;
        let journal = pair.journals[0].clone();
        let damaged = seed >= 2;
        if damaged {
            let keys = pair.keys(number as usize, b"e");
            let mut dice = Dice::new(seed);
            let key = &keys[dice.below(keys.len() as u64) as usize];
            pair.worlds[number as usize - 1].store.flip_at(key, seed);
        }
        let mut after = 150;
        let (news, figures) = pair.scrub(number, |pair| {
            for _ in 0..2 {
                let kept = pair.cluster.append(1, &journal, after, &[3; 200]);
                assert_eq!(kept, Ok(Seq(after + 1)), "seed {seed}");
                after += 1;
            }
        });
        assert_eq!((news.len(), figures.healed), (damaged.into(), damaged.into()), "{news:?}");
        pair.settle();
        for number in 1..=2 {
            assert_eq!(pair.cluster.at(number).verify(&journal), Ok(()), "seed {seed}");
        }
    }
}

#[test]
fn sb6_what_both_have_damaged_is_named_and_left_and_reads_are_refused() {
    for seed in 0..8 {
        let mut dice = Dice::new(seed);
        let pair = Pair::new(40, false);
        let keys = pair.keys(1, b"e");
        let journal = pair.journals[0].clone();
        let prefix = [b"e", journal.as_str().as_bytes(), &[0]].concat();
        let of: Vec<_> = keys.iter().filter(|key| key.starts_with(&prefix)).collect();
        let key = of[dice.below(of.len() as u64) as usize];
        let number = &key[prefix.len()..prefix.len() + 8];
        let seq = Seq(u64::from_be_bytes(number.try_into().expect("eight bytes")));
        pair.worlds.iter().for_each(|world| world.store.flip_at(key, dice.roll()));
        let before = pair.dumps();
        for number in 1..=2 {
            let (news, figures) = pair.scrub(number, |_| {});
            let finding =
                Finding { shard: pair.shard(), what: journal.to_string(), seq, why: Why::Both };
            assert_eq!(news, [News::Damaged(finding)], "seed {seed}");
            assert_eq!((figures.damaged, figures.healed, figures.unmended), (1, 0, 1));
            let read = pair.cluster.at(number).read(&journal, Seq(0), 1000);
            assert_eq!(read, Err(StorageFault::Corrupt { journal: journal.clone(), seq }));
            let complaints = pair.cluster.at(number).complaints();
            assert_eq!(complaints, std::slice::from_ref(&journal), "whoever reads it complains");
        }
        assert!(pair.dumps() == before, "nothing is touched");
    }
}

#[test]
fn sb6_copies_that_contradict_each_other_are_named_and_left() {
    let mut pair = Pair::new(20, false);
    let journal = pair.journals[0].clone();
    let raw = pair.cluster.at(2).raw(&journal);
    let (forged, link) = forge(&journal, &raw);
    pair.restart(2, |world| {
        let mut batch = Batch::default();
        keys::delete_entries(&mut batch, &world.store, &journal, link.seq).expect("found");
        keys::put_entry(&mut batch, &journal, link.seq, &forged);
        keys::put_head(&mut batch, &journal, link);
        world.store.apply(&batch).expect("applied");
        world.store.sync().expect("synced");
    });
    assert_eq!(pair.cluster.at(2).verify(&journal), Ok(()), "by itself it is sound");
    let before: Vec<_> = pair.dumps();
    for number in 1..=2 {
        let (news, figures) = pair.scrub(number, |_| {});
        let (shard, what, why) = (pair.shard(), journal.to_string(), Why::Contradicted);
        assert_eq!(news, [News::Damaged(Finding { shard, what, seq: Seq(20), why })]);
        assert_eq!((figures.healed, figures.unmended), (0, 1));
    }
    assert!(pair.dumps().iter().zip(&before).all(|(now, was)| kept(now) == kept(was)));
}

#[test]
fn sc1_sc2_what_is_not_proven_is_not_written() {
    let pair = Pair::new(20, false);
    let journal = pair.journals[0].clone();
    let (raw, shard) = (pair.cluster.at(1).raw(&journal), pair.shard());
    let epoch = pair.cluster.at(2).whole(shard).expect("it is whole");
    let (forged, link) = forge(&journal, &raw);
    let head = history::read_entry(&raw[19]).expect("sound");
    let head = Link { seq: Seq(20), hash: head.hash };
    let before = pair.dumps();
    let two = pair.cluster.at(2);
    let corrupt = |seq| Err(StorageFault::Corrupt { journal: journal.clone(), seq: Seq(seq) });
    assert_eq!(two.mend(&journal, epoch, head, std::slice::from_ref(&forged)), corrupt(20), "SC1");
    assert_eq!(
        two.mend(&journal, epoch, link, std::slice::from_ref(&forged)),
        corrupt(20),
        "SC1: its own"
    );
    let early = Link { seq: Seq(5), hash: [1; 32] };
    assert_eq!(two.mend(&journal, epoch, early, &raw[4..5]), corrupt(5), "SC1: asked by nobody");
    assert!(two.mend(&journal, Epoch(epoch.0 + 1), head, &raw[19..]).is_err(), "another epoch");
    assert_eq!(two.mend(&journal, epoch, head, &raw[10..]).map(|it| it.1), Ok(0), "SC4");
    let theirs = crate::scrub::Theirs { end: head, since: Lsn(0), upto: Lsn(0) };
    let extended = two.extend(&journal, epoch, theirs, &raw[19..]).map(|_| (head, 0));
    assert_eq!(extended, corrupt(21), "SC2");
    assert!(two.mend_head(&journal, epoch, link).is_err(), "SC3");
    assert!(kept(&pair.dumps()[1]) == kept(&before[1]));
}

/// Another last entry for the same journal, its sums and chain in order, and where it ends then.
fn forge(journal: &JournalId, good: &[bytes::Bytes]) -> (bytes::Bytes, Link) {
    let last = history::read_entry(good.last().expect("it has entries")).expect("sound");
    let before = Link { seq: Seq(last.entry.seq.0 - 1), hash: last.parent };
    let body = [b"forged".to_vec()];
    let (append, _, link) = history::write_append(journal, before, last.entry.at, &body);
    (append.entries[0].clone(), link)
}

#[test]
fn a_copy_without_another_names_what_is_damaged() {
    let (cluster, worlds) = cluster(1);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.until("it serves", |it| it.serves(1, shard));
    for after in 0..9 {
        assert_eq!(cluster.append(1, &journal, after, b"alone"), Ok(Seq(after + 1)));
    }
    cluster.until("the engine has it", |it| it.at(1).stats().unapplied_bytes == 0);
    assert!(worlds[0].store.flip(b"e", 3));
    let ledger = cluster.at(1);
    let epoch = ledger.whole(shard).expect("alone is whole");
    let look = ledger.look(&journal, epoch, None, None).expect("looked");
    let from = match look.verdict {
        crate::scrub::Verdict::Damaged { from, left } => (from, left.seq),
        other => panic!("{other:?}"),
    };
    assert_eq!((from, look.entries), ((Seq(1), Seq(1)), 8));
}

#[test]
fn copies_are_compared_while_they_are_whole_in_one_epoch_only() {
    let (cluster, _worlds) = cluster(2);
    let journal = id("room/1");
    let shard = journal.shard();
    cluster.until("it serves", |it| it.serves(1, shard));
    assert_eq!(cluster.at(2).whole(shard), None, "it holds nothing");
    let of = protocol::peer::SumsOf::Behind(None);
    let no = cluster.at(2).sum_up(shard, Epoch(1), &of);
    assert!(matches!(no, Err(StorageFault::NotHere { .. })), "{no:?}");
    cluster.pair(shard, 1, 2);
    cluster.until("both know", |it| it.at(1).whole(shard) == it.at(2).whole(shard));
    let epoch = cluster.at(2).whole(shard).expect("it is whole");
    assert!(cluster.at(2).sum_up(shard, epoch, &of).is_ok());
    let old = cluster.at(2).look(&journal, Epoch(epoch.0 - 1), None, None);
    assert!(matches!(old, Err(StorageFault::NotHere { .. })), "{old:?}");
}
